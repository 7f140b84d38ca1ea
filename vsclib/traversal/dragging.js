// How a pointer moves sliders and bars. A finger that swipes up or down scrolls the page and moves
// nothing: a slider follows a finger that goes sideways or taps, a bar one that rests on it first.

const SIDEWAYS = 8; // px before a finger is taken to move a slider
const HOLD = 250; // ms for which a finger rests on a bar before it takes it along

function dragSlider(track, slider) {
  let drag = null;
  const set = (event) => {
    const box = slider.getBoundingClientRect();
    const share = (event.clientX - box.left - 12) / Math.max(1, box.width - 24); // half a thumb
    const [least, most] = [Number(slider.min), Number(slider.max)];
    slider.value = least + (most - least) * Math.max(0, Math.min(1, share));
    slider.dispatchEvent(new Event("input", { bubbles: true }));
  };
  const end = (event, cancelled) => {
    if (!drag || event.pointerId !== drag.id) return;
    const { moved } = drag;
    drag = null;
    if (!moved && cancelled) return;
    if (!moved) set(event);
    slider.dispatchEvent(new Event("change", { bubbles: true }));
  };
  track.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || slider.disabled) return;
    drag = { id: event.pointerId, x: event.clientX, moved: event.pointerType !== "touch" };
    if (!drag.moved) return;
    event.preventDefault(); // no text is selected on the way
    slider.focus({ preventScroll: true });
    track.setPointerCapture(event.pointerId);
    set(event);
  });
  track.addEventListener("pointermove", (event) => {
    if (!drag || event.pointerId !== drag.id) return;
    if (!drag.moved) {
      if (Math.abs(event.clientX - drag.x) < SIDEWAYS) return;
      drag.moved = true;
      track.setPointerCapture(event.pointerId);
    }
    set(event);
  });
  track.addEventListener("pointerup", (event) => end(event, false));
  track.addEventListener("pointercancel", (event) => end(event, true));
}

// take(j, value) while a bar is dragged, done() at its end, pick(j) for a click or a tap on one.
function dragBars(bars, { take, done, pick }) {
  let drag = null;
  const { svg } = bars;
  const forget = () => {
    if (drag) clearTimeout(drag.timer);
    drag = null;
  };
  svg.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    forget();
    drag = { j: bars.latentAt(event), y: event.clientY, moved: false, held: event.pointerType !== "touch" };
    if (drag.held) {
      event.preventDefault();
      svg.setPointerCapture(event.pointerId);
    } else {
      drag.timer = setTimeout(() => {
        if (drag) drag.held = true;
      }, HOLD);
    }
  });
  svg.addEventListener("pointermove", (event) => {
    if (!drag?.held || (!drag.moved && Math.abs(event.clientY - drag.y) < 3)) return;
    drag.moved = true;
    take(drag.j, bars.valueAt(event));
  });
  svg.addEventListener("pointerup", () => {
    const ended = drag;
    forget();
    if (!ended) return;
    if (ended.moved) done();
    else pick(ended.j);
  });
  svg.addEventListener("pointercancel", () => {
    const ended = drag;
    forget();
    if (ended?.moved) done();
  });
  svg.addEventListener("touchmove", (event) => {
    if (drag?.held) event.preventDefault(); // the bar moves, not the page
  }, { passive: false });
  svg.addEventListener("contextmenu", (event) => {
    if (drag?.held) event.preventDefault();
  });
}
