"""Text printed in pictures of ECGs: found by OCR, judged by whether it may say who the patient is.

`found` has what callers need and is light; `finding` reads a picture and runs in a decoding child.
"""
