// The theme's FontAwesome replaces every <i> by an <svg>, also those that a widget still holds on to, and the widget
// dies. Nested, the <i> stays and the <svg> is drawn inside it.
window.FontAwesomeConfig = { autoReplaceSvg: "nest" };
