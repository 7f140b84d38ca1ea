// Ours. Widgets take every module and icon font from this folder: the module "anywidget" means anywidget.js beside this
// file. Runs after require.js and before embed-amd.js: the order stands in _config.yml.
(function () {
  const vendor = new URL("./", document.currentScript.src).href;
  window.__jupyter_widgets_assets_path__ = vendor + "@jupyter-widgets/";
  window.requirejs.config({ baseUrl: vendor });
})();
