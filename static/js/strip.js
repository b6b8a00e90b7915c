// A rhythm strip wider than its place shows the beat that was chosen.
const awake = new WeakSet();

export function wakeStrips() {
  for (const strip of document.querySelectorAll(".beat-strip")) {
    const mark = strip.querySelector("a[aria-current] .beat-mark");
    if (!mark || awake.has(strip)) continue;
    awake.add(strip);
    const [beat, place] = [mark.getBoundingClientRect(), strip.getBoundingClientRect()];
    strip.scrollLeft += beat.left + beat.width / 2 - (place.left + place.width / 2);
  }
}
