// The page's parts, before anything is drawn in them.

function slider(name, label, { min, max, step, value }) {
  return `<div class="control">
    <label for="live-${name}">${label}</label> <output data-of="${name}" for="live-${name}"></output>
    <input type="range" id="live-${name}" name="${name}" min="${min}" max="${max}" step="${step}" value="${value}">
  </div>`;
}

function row(name, title, text, pictureOf) {
  return `<div class="model" data-model="${name}">
    <div class="heading">${title}</div>
    <div class="numbers"></div>
    <canvas class="bars" role="img" aria-label="Code as bars"></canvas>
    <canvas class="picture" role="img" aria-label="Reconstruction of the ${pictureOf}"></canvas>
    ${text}
  </div>`;
}

export function markup(models, { prior, steps, stepSize }) {
  const log = Math.log10;
  const samples = Array.from(
    { length: 10 },
    (_, at) => `<button type="button" class="sample" data-sample="${at}" aria-label="Sample ${at}"><canvas></canvas></button>`,
  ).join("");
  const button = (act, text) => `<button type="button" data-act="${act}">${text}</button>`;
  return `
  <section class="drawing" aria-label="Drawing">
    <div>
      <canvas class="pad" tabindex="0" role="application" aria-label="Drawing surface" aria-describedby="live-keys"></canvas>
    </div>
    <div class="as-seen">
      <canvas class="seen" role="img" aria-label="The digit as the models see it, 28 by 28 pixels"></canvas>
      <span>as the models see it</span>
    </div>
    <div class="choosing">
      <p class="help" id="live-keys">Draw with mouse, pen or finger. By keyboard: arrow keys move the pen,
        Space puts it down and lifts it, Backspace takes back.</p>
      <div class="samples" role="group" aria-label="Samples">${samples}</div>
      <div class="tools">
        ${button("undo", "Undo")} ${button("clear", "Clear")} ${button("upload", "Upload a picture")}
        <input type="file" accept="image/*" hidden aria-label="Picture of a digit">
      </div>
      <p class="status" role="status"></p>
    </div>
  </section>
  <section aria-label="Encoders">
    ${row("vae", "VAE, by its encoder", "", "VAE")}
    ${row("vsc", "VSC, by its encoder", "", "VSC")}
  </section>
  <section class="walk" aria-label="Inference by gradient">
    ${row("generator", "Sparse generator, by gradient", "", "sparse generator")}
    <div class="tools">
      ${button("play", "Play")} ${button("step", "Step")} ${button("start", "Back to zero")}
      <label>Pace <select name="pace">
        <option value="5">5 steps a second</option>
        <option value="12" selected>12 steps a second</option>
        <option value="60">as fast as the screen</option>
      </select></label>
    </div>
    <label class="hidden-label" for="live-shown">Step shown</label>
    <input type="range" id="live-shown" name="shown" min="0" max="${steps}" step="1" value="0">
    <canvas class="paths" role="img" aria-label="Every latent's value over the steps"></canvas>
    <p class="joint"></p>
    <div class="controls">
      ${slider("alpha", "&alpha;, weight of the wide Gaussian", { min: -3, max: 0, step: 0.05, value: log(prior.alpha) })}
      ${slider("sigma2", "&sigma;<sub>2</sub>, width of the narrow one", { min: -1.5, max: 0, step: 0.05, value: log(prior.sigma2) })}
      ${slider("stepSize", "s, size of a step", { min: 0.02, max: 0.3, step: 0.01, value: stepSize })}
      ${slider("steps", "Steps", { min: 1, max: 100, step: 1, value: steps })}
      <label class="check"><input type="checkbox" name="noise"> Langevin noise</label>
      ${button("reset", "Reset the settings")}
    </div>
    <p class="too-long complaint" hidden>The step is too long for the narrow Gaussian, whose values swing
      instead of settling: choose s below 2&sigma;<sub>2</sub>.</p>
  </section>`;
}
