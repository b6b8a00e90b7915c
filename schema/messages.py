"""What each stable error code says to people. Server code translates these English sentences."""

from schema.errors import FieldProblem


def N_(message: str) -> str:  # noqa: N802 - gettext's customary mark for later translation
    """Mark a sentence for the catalogue."""
    return message


MESSAGES: dict[str, str] = {
    "invalid": N_("Some of what was sent cannot be accepted. Nothing was changed."),
    "required": N_("This field is required."),
    "too_long": N_("At most {maximum} characters."),
    "out_of_range": N_("Choose a value between {minimum} and {maximum}."),
    "first_or_last": N_("Ask for the first or the last ones, not both."),
    "bad_cursor": N_("This page marker is not valid any more. Start again from the first page."),
    "bad_id": N_("This identifier is not valid."),
    "stale_revision": N_("Someone changed this meanwhile. Reload, then make your change again."),
    "not_allowed": N_("You may see this but not change it."),
    "not_found": N_("This does not exist, or not any more."),
    "sign_in_first": N_("Sign in first."),
    "too_short": N_("At least {minimum} characters."),
    "unprintable": N_("Some characters cannot be shown. Remove them."),
    "invalid_email": N_("This is not an e-mail address."),
    "email_taken": N_("An account with this address exists already."),
    "external_id_taken": N_("This participant is enrolled already."),
    "unknown_choice": N_("This is not one of the choices."),
    "wrong_password": N_("This is not your current password."),
    "same_password": N_("Choose another password than the current one."),
    "too_many_attempts": N_("Too many attempts. Try again in {seconds} s."),
    "points_spent": N_("Too many requests. Try again in {seconds} s."),
    "no_password": N_("This account does not sign in with a password."),
    "role_not_yours_to_give": N_("You may not make an account of this role."),
    "own_password": N_("This is your own account: change its password on “My account”."),
    "not_your_own_account": N_("Ask another administrator: this is your own account."),
    "in_the_past": N_("Choose a time that is still to come."),
    "scope_beyond_role": N_("This goes beyond your own access: {scopes}."),
    "too_many": N_("At most {maximum} at a time."),
    "too_many_tokens": N_("At most {maximum} tokens at a time. Revoke one first."),
    "document_fault": N_("Line {line}: {fault}"),
    "no_operation": N_("The document holds no operation."),
    "too_many_documents": N_("At most {maximum} registered documents. Remove one first."),
    "confined_token": N_("A token confined to registered documents cannot register others."),
    "needs_recording": N_("Add at least one recording."),
    "needs_annotation": N_("Add at least one annotation."),
    "needs_scored_annotation": N_("Let at least one annotation count in the mark."),
    "must_stay_valid": N_(
        "This case is validated: it keeps a recording and an annotation that counts. "
        "To rework it, archive it and restore it as a draft."
    ),
    "case_archived": N_("This case is archived. Restore it before you change it."),
    "only_drafts_deleted": N_("Only drafts can be deleted. Archive this case instead."),
    "used_in_session": N_("A session has this case. Archive it instead of deleting it."),
    "undecided": N_("Decide on each text that was found: mask it, or say that it is harmless."),
    "decided_twice": N_("A text is either masked or harmless."),
    "unknown_text": N_("There is no text of this number."),
    "no_box": N_("Give a left and upper side smaller than the right and lower one, within the picture."),
    "not_looked": N_("Look at the whole page and say so: text was not looked for."),
    "too_many_recordings": N_("At most {maximum} recordings in a case. Remove one first."),
    "too_many_annotations": N_("At most {maximum} annotations in a case. Remove some first."),
    "unknown_concept": N_("This concept is not in the ontology. Choose one from the list."),
    "file_unsupported_type": N_(
        "This is no ECG we can read. Choose a picture (PNG, JPEG, HEIC, WebP, TIFF, BMP), a PDF or a "
        "recording: DICOM, GE MUSE, Philips or HL7 XML, SCP-ECG, EDF, or a WFDB record as a zip."
    ),
    "file_empty": N_("This file is empty. Export it again, then add it."),
    "file_too_large": N_("This file is too large. Choose one of at most {megabytes} MB."),
    "file_too_many_pixels": N_("This picture has too many pixels. Scan it at 300 dpi or less, then add it."),
    "file_too_small": N_("Too little of the picture would be left. Take the last step back."),
    "nothing_left": N_("Nothing is left between the two sides: put the second beyond the first."),
    "not_a_picture": N_("Only pictures are edited and digitised: this recording is a signal."),
    "file_too_many_pages": N_(
        "This file has more than {pages} pages. Print those that show the ECG to a file of their own."
    ),
    "file_lost": N_("This file did not arrive whole. Send it again."),
    "too_many_files": N_("At most {maximum} ECGs at once. Send them in several parts."),
    "sent_twice": N_("These files are being sent a second time. Wait for one of the two to end."),
    "file_encrypted": N_("This file is protected by a password. Save it without one, then add it."),
    "file_damaged": N_("This file is damaged. Export it again, then add it."),
    "file_too_long": N_(
        "This recording is too long: up to 24 hours of 3 leads are read. Export the part that matters."
    ),
    "file_no_waveform": N_("This file holds neither an ECG waveform nor a picture. Export one of them."),
    "file_unsupported_variant": N_(
        "This format is known, but not this version of it or its compression. "
        "Export the ECG in another format, or add a picture of it."
    ),
    "file_unsafe": N_(
        "This file holds things no ECG needs (links, entities, endless nesting) and was not opened. "
        "Export the ECG again, or add a picture of it."
    ),
    "file_incomplete": N_(
        "This zip lacks a file that its header names. "
        "Put the header (.hea) and its signal files (.dat) into one zip."
    ),
    "file_several_records": N_("This zip holds several records. Make a zip of each."),
    "file_timed_out": N_("This file takes too long to read. Export it again, or add a picture of it."),
    "file_too_coarse": N_("This picture is too small to be read. Scan the page at 200 dpi or more."),
    "file_no_grid": N_(
        "No millimetre grid was found in this picture: nothing tells its scale. Straighten and crop it, or "
        "scan the page flat."
    ),
    "file_no_trace": N_("A grid was found in this picture, but no curve on it."),
    "file_unknown_layout": N_(
        "The rows found on this page are those of no layout we know, or not of the one you chose. Choose the "
        "layout, or crop the picture to the tracing."
    ),
    "file_crashed": N_("This file could not be read. Export it again, or add a picture of it."),
    "missing_scope": N_("Your access does not cover this."),
    "temporary_password": N_("Your password is temporary. Change it to go on."),
    "needs_case": N_("Choose at least one case."),
    "too_many_cases": N_("At most {maximum} cases."),
    "case_not_found": N_("This case does not exist, or not any more."),
    "case_not_validated": N_("Only validated cases can be part of a session."),
    "case_twice": N_("This case is in the list already."),
    "closes_before_opening": N_("The session must close after it opens."),
    "no_such_student": N_("No student has an account with this address."),
    "unknown_join_code": N_("No session has this code. Check it with your teacher."),
    "session_not_open_yet": N_("This session is not open yet."),
    "session_closed": N_("This session is closed."),
    "session_archived": N_("This session has been put away."),
    "no_retry": N_("You have done this session. It allows one attempt only."),
    "students_only": N_("Only students can join a session."),
    "tokens_only": N_("Only an outside system with an access token can enrol its own participants."),
    "not_your_attempt": N_("Only the student can answer in this attempt."),
    "attempts_exist": N_("A student has begun already, so this cannot be changed any more."),
    "answer_changed": N_("This answer was changed on another device. Reload to see it."),
    "already_submitted": N_("This attempt has been handed in already."),
    "deadline_passed": N_("The time is up. What you had saved by then has been handed in."),
    "bad_concept_code": N_("Capitals, digits and underscores, 2 to 64, a letter first: MOBITZ_1."),
    "concept_code_taken": N_("Another concept has this code."),
    "no_such_concept": N_("No concept is called “{name}”."),
    "name_taken": N_("“{name}” is already a name of “{owner}”."),
    "own_ancestor": N_("A concept cannot be its own ancestor."),
    "excluded_within": N_("A concept cannot exclude what it is a kind of."),
    "concept_in_use": N_("“{name}” builds on this concept. Change that one first."),
    "range_without_bound": N_("Give at least one bound."),
    "bad_code_system": N_("A system is written in small letters: snomed."),
    "code_system_twice": N_("This system is named above already."),
    "concept_in_open_session": N_(
        "Students are being marked on this concept: close the sessions that have it first."
    ),
    "key_of_another_ontology": N_(
        "This key was made with another ontology. Remove the concepts that are shown by their code first."
    ),
    "stale_concept": N_("Someone changed this concept meanwhile. Reload, then make your change again."),
    "ontology_name_taken": N_("Another ontology has this name."),
    "ontology_known": N_("This very ontology is here already."),
    "ontology_fault": N_("{place}: {fault}"),
    "too_many_concepts": N_("At most {maximum} concepts."),
    "not_your_mark": N_("Only the student can contest this mark."),
    "not_corrected": N_("There is no correction to contest yet."),
    "not_in_grade": N_("This concept is not part of the mark."),
    "already_contested": N_("You have contested this concept already."),
    "bad_webhook_url": N_("Give an https:// address, without a name or password in it."),
    "unusable_host": N_("This host cannot be reached from the internet, or is not on it."),
    "lookups_busy": N_("Other addresses are still being looked up. Try again in a moment."),
    "too_many_webhooks": N_("At most {maximum} webhooks. Delete one first."),
    "event_not_yours": N_("Only administrators are told of events of the whole platform."),
    "webhook_paused": N_("This webhook is paused. Make it active first."),
    "too_many_jobs": N_("At most {maximum} at a time. Wait for one to end."),
    "too_many_exports": N_(
        "At most {maximum} exports are kept. Wait until one is removed: each is after 7 days."
    ),
    "file_too_large_text": N_("This file is too large. Choose one of at most {kilobytes} kB."),
    "file_not_utf8": N_("This file is not in UTF-8. Save it as “CSV UTF-8”."),
    "file_no_columns": N_("The first line names the columns: {columns}."),
    "too_many_lines": N_("At most {maximum} lines."),
    "unreadable_line": N_("This line cannot be read."),
    "line_twice": N_("Line {line} names the same participant."),
    "names_nobody": N_("It names nobody: give an e-mail address or an external identifier."),
    "nothing_digitised": N_("Nothing has been read off this picture yet."),
    "picture_changed": N_("The picture was changed after it was read. Read it again."),
    "read_anew": N_("The picture was read again meanwhile. Look at the new traces first."),
    "leads_need_layout": N_("Choose the layout that these names belong to."),
    "leads_of_layout": N_("This layout has {number} leads and strips: name each of them."),
    "label_twice": N_("{value} stands for two parts."),
    "lead_twice": N_("Two places of the page have the same lead."),
    "point_outside": N_("A point lies outside the picture, or on no row of it."),
    "not_a_signal": N_("This recording is a picture. Only signals can be analysed."),
    "no_trainer": N_("Models of this kind are not trained anew here."),
    "no_training_data": N_(
        "No training data is set up on this site: CHEVET_TRAINING_DATA names no folder that holds it."
    ),
    "no_training_extra": N_("What trains models is not installed on this site (the extra “train”)."),
    "training_under_way": N_("This model is being trained already. Wait for that to end."),
    "too_little_feedback": N_("There are {count} opinions to learn from; you asked for {minimum}."),
    "version_unusable": N_("This version cannot be loaded, or the store of models has it no more."),
    "champion_beside_itself": N_(
        "This version is the champion already: it cannot be its own challenger or shadow. Choose another."
    ),
    "promotion_unearned": N_(
        "The rule does not let this version take the champion's place. Say why it is to be all the same."
    ),
    "no_challenger": N_("There are no two versions to compare: deploy a champion and another as challenger."),
    "no_previous_version": N_("No other version answered before under this alias."),
    "correct_needs_no_class": N_("Choose a class only where the model is wrong."),
    "correct_needs_no_level": N_("Choose a level only where the answer is wrong."),
    "unknown_prediction": N_(
        "There is no such prediction here, and without patient_features nothing to learn from."
    ),
    "another_gravity": N_("The prediction says {gravity}."),
    "not_text": N_("This is not text."),
    "upgrade_to_normal": N_("A normal beat is not more urgent than any other."),
    "not_of_a_visit": N_("Symptoms are missed of visits. Of a recording, choose findings."),
    "upgrade_not_more_urgent": N_("This level is not more urgent than the one that was given."),
    "downgrade_not_less_urgent": N_("This level is not less urgent than the one that was given."),
    "disagree_more_urgent": N_("This level is more urgent than the one that was given: say UPGRADE."),
    "disagree_less_urgent": N_("This level is less urgent than the one that was given: say DOWNGRADE."),
    "same_class": N_("This is the class that the model gave: confirm the beat instead."),
    "same_level": N_("This is the level that was given."),
    "not_a_number": N_("“{text}” is not a number."),
    "not_whole": N_("{value} is not a whole number."),
    "other_unit": N_(
        "{value} looks like {other}: in {unit} it would be {converted}. Check, then type it again."
    ),
    "not_below": N_("The diastolic pressure ({value}) is not below the systolic one ({systolic})."),
    "key_used": N_("This was sent before, with something else in it."),
    "pacs_unreachable": N_("The archive cannot be reached. Ask whoever runs this site to check its address."),
    "pacs_refused": N_("The archive does not let this site in. Ask whoever runs it to allow it."),
    "pacs_timed_out": N_("The archive did not answer in time. Try again in a moment."),
    "pacs_failed": N_("The archive could not do this. Try again, or ask whoever runs it."),
    "pacs_garbled": N_(
        "The archive's answer broke off or cannot be read. Try again, or ask whoever runs it."
    ),
    "pacs_port_taken": N_(
        "The archive could send nothing: the port for it is in use. Try again in a moment."
    ),
    "pacs_no_destination": N_(
        "The archive does not know where to send to. Ask whoever runs it to add this site as a destination."
    ),
    "pacs_not_sent": N_("The archive lists this object but did not send it."),
    "pacs_other_object": N_("This object is neither an ECG nor a picture or document that may hold one."),
    "pacs_not_offered": N_("The archive does not take this kind of object. Ask whoever runs it to allow it."),
    "pacs_not_stored": N_("The archive did not keep the recording, and gave the status {status}."),
    "pacs_takes_none": N_("Choose an archive that takes recordings."),
    "pacs_archive_gone": N_("This archive is no longer among those of this site."),
    "needs_series": N_("Tick at least one series."),
    "pacs_choice": N_("This result cannot be used any more. Search again."),
    "since_after_until": N_("The first day must not come after the last."),
    "not_a_code": N_(
        "Use a code of letters without accents, digits, “-”, “.” and “_”, with a digit: P-0042."
    ),
    "may_identify": N_("This may say who it is: a name, a date, a number. Use a code such as P-0042."),
    "failed_has_no_file": N_("A segmentation that failed has no file."),
    "missing_images": N_("The model is also shown: {images}."),
    "volume_not_nifti": N_("This is no NIfTI file. Choose one that ends in .nii or .nii.gz."),
    "volume_unsupported": N_(
        "This kind of NIfTI is not read (two files, colours, complex numbers): save one file of numbers."
    ),
    "volume_empty": N_("This file is empty. Export it again, then add it."),
    "volume_too_large": N_("This file is too large: {megabytes} MB at most, and 400 voxels each way."),
    "volume_damaged": N_("This file is damaged or not whole. Export it again, then add it."),
    "volume_not_3d": N_("A volume of three dimensions is expected."),
    "volume_bad_geometry": N_(
        "Its header gives its voxels no usable size or place: no volume could be told from it."
    ),
    "volume_contradicting_geometry": N_("Its header gives two different sizes of a voxel. Export it again."),
    "volume_not_labels": N_("A label map holds whole numbers, and this one holds others."),
    "volume_unknown_labels": N_("Nobody has said what these numbers stand for: {labels}."),
    "volume_other_shape": N_("It has {shape} voxels, and the label map {other}."),
    "volume_other_geometry": N_("Its voxels do not lie where those of the label map do."),
    "volume_not_probabilities": N_("Probabilities lie between 0 and 1, and these do not."),
    "volume_timed_out": N_("This file takes too long to read. Export it again."),
    "volume_crashed": N_("This file could not be read. Export it again."),
    "alert_not_open": N_("Somebody looks after this alert already, or it is closed."),
    "too_many_rules": N_("At most {maximum} rules. Delete one first."),
    "version_of_another_family": N_("This version is of another kind of model."),
    "explain_dismissal": N_("Say in a sentence why the mark stays."),
}
"""Features add their own rows; a test checks that each code used has one and that French has it too."""

FAULTS: dict[str, str] = {
    "no_label": N_("It has no label."),
    "no_name": N_("It has no name."),
    "missing": N_("It lacks {0}."),
    "malformed": N_("It cannot be read: {0}"),
    "too_long": N_("“{0}” has more than {1} characters."),
    "unprintable": N_("“{0}” holds characters that cannot be printed."),
    "cycle": N_("It is its own ancestor: its parents were left out."),
    "unknown_reference": N_("It names {0}, which the file does not have."),
    "name_taken": N_("“{0}” is a name of {1} already."),
    "set_aside": N_("A reviewer set “{0}” aside: it states something else."),
    "denies": N_("“{0}” denies {1}, whose name it is to be."),
    "states_excluded": N_("“{0}” states {1}, which excludes {2}."),
}
"""What was wrong in an imported ontology and left out, by the code of `ml.language.checking`."""


TRIAGE_QUALITY: dict[str, str] = {
    "high": N_("Every required and important value is there."),
    "medium": N_("Every required value is there; the pain scale or the Glasgow score is missing."),
    "low": N_("A required value is missing."),
    "insufficient": N_("Four or more of the eight required values are missing: do not rely on this answer."),
}
"""How far an answer about a visit can be relied on, and by which rule."""
COMPLAINT_LABEL = N_("reason for coming")


def text_of(problem: FieldProblem) -> tuple[str, dict[str, str]]:
    """Return the English sentence of a problem and the values to put in it."""
    return MESSAGES[problem.code], dict(problem.values)
