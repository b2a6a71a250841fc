// Shows the picture that the kernel draws; its text was escaped there.
function render({ model, el }) {
  const draw = () => {
    el.innerHTML = model.get("picture");
  };
  model.on("change:picture", draw);
  draw();
  return () => model.off("change:picture", draw);
}

export default { render };
