// Widgets on a published page: each stored widget gets a small model of its own and is drawn by its
// module, as JupyterLab would, without a kernel and without a widget manager. The page holds, for
// each widget, its state as JSON and its still, which stays where the widget cannot be drawn. Large
// models (decoders) come as scripts of their own, in any order, see book/_extensions/widget_script.py.

const REFERENCE = "IPY_MODEL_";

// What a module of the anywidget standard asks of its model.
class PageModel {
  constructor(state, manager = null) {
    this.state = withBuffers(state);
    this.widget_manager = manager;
    this.listeners = new Map();
    this.moved = new Set();
  }

  get(name) {
    return this.state[name];
  }

  set(name, value) {
    if (this.state[name] === value) return;
    this.state[name] = value;
    this.tell(`change:${name}`, value);
    this.tell("change", value);
    this.moved.add(name);
  }

  // There is nobody to save for.
  save_changes() {
    this.moved.clear();
  }

  send() {}

  on(name, listener) {
    for (const each of name.split(" ")) {
      this.listeners.set(each, [...(this.listeners.get(each) ?? []), listener]);
    }
  }

  off(name, listener) {
    const names = name ? name.split(" ") : [...this.listeners.keys()];
    for (const each of names) {
      const kept = (this.listeners.get(each) ?? []).filter((other) => listener && other !== listener);
      this.listeners.set(each, kept);
    }
  }

  tell(name, value) {
    for (const listener of this.listeners.get(name) ?? []) listener({ changed: value }, value);
  }
}

// A trait of bytes is stored beside the state, and read as a DataView.
function withBuffers({ buffers = [], ...state }) {
  for (const { path, data } of buffers) {
    const place = path.slice(0, -1).reduce((part, key) => part[key], state);
    place[path.at(-1)] = new DataView(bytesOf(data).buffer);
  }
  return state;
}

// Models by name, as they arrive; who asks before waits.
class PageManager {
  constructor() {
    this.models = new Map();
    this.waiting = new Map();
    this.complete = false;
  }

  add(name, state) {
    const model = new PageModel(state, this);
    this.models.set(name, model);
    for (const { resolve } of this.waiting.get(name) ?? []) resolve(model);
    this.waiting.delete(name);
  }

  get_model(name) {
    if (this.models.has(name)) return Promise.resolve(this.models.get(name));
    return new Promise((resolve, reject) => {
      if (this.complete) reject(missing(name));
      else this.waiting.set(name, [...(this.waiting.get(name) ?? []), { resolve, reject }]);
    });
  }

  // After the page has loaded nothing more arrives.
  close() {
    this.complete = true;
    for (const [name, asked] of this.waiting) asked.forEach(({ reject }) => reject(missing(name)));
    this.waiting.clear();
  }
}

function missing(name) {
  return new Error(`the page did not get the data ${name.slice(0, 8)}; reload it`);
}

async function moduleOf(state, own) {
  if (own[state._anywidget_id]) return own[state._anywidget_id];
  const url = URL.createObjectURL(new Blob([state._esm], { type: "text/javascript" }));
  const loaded = (await import(url)).default;
  return typeof loaded === "function" ? loaded() : loaded;
}

async function drawWidget(place, manager, own) {
  const id = place.dataset.model;
  try {
    const { _css: style, ...state } = JSON.parse(place.querySelector("script").textContent);
    manager.add(id, state);
    const module = await moduleOf(state, own);
    const model = await manager.get_model(id);
    const el = element("div", { class: "vsclib-widget" });
    if (style) el.append(element("style", {}, style));
    await module.initialize?.({ model });
    const address = new PageAddress(`w${1 + widgetPlaces().indexOf(place)}`);
    await module.render({ model, el, address });
    place.append(el);
    place.classList.add("live");
  } catch (problem) {
    place.append(element("p", { class: "vsclib-problem", role: "status" },
      `This picture cannot be moved here: ${problem.message.replace(/\.$/, "")}.`));
  }
}

// A widget's part of the page's address, kept in its query, so that a link shows the same thing.
class PageAddress {
  constructor(name) {
    this.name = name;
  }

  read() {
    return new URLSearchParams(location.search).get(this.name);
  }

  // Written by hand: URLSearchParams would escape what may stand in a query, and nobody could read it.
  write(text) {
    const parts = location.search.slice(1).split("&");
    const kept = parts.filter((part) => part && part.split("=")[0] !== this.name);
    if (text) kept.push(`${this.name}=${text}`);
    const query = kept.length ? `?${kept.join("&")}` : "";
    try {
      history.replaceState(history.state, "", `${location.pathname}${query}${location.hash}`);
    } catch {
      // Some browsers keep the address of a file as it is, and all refuse very many changes a second.
    }
  }
}

function widgetPlaces() {
  return [...document.querySelectorAll(".vsclib-live")];
}

function drawWidgets(own) {
  const manager = new PageManager();
  const arrived = globalThis.vsclibModels ?? [];
  globalThis.vsclibModels = { push: ([name, state]) => manager.add(name, state) };
  arrived.forEach((entry) => globalThis.vsclibModels.push(entry));
  if (document.readyState === "complete") manager.close();
  else addEventListener("load", () => manager.close());
  widgetPlaces().forEach((place) => drawWidget(place, manager, own));
}
