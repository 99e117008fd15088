// A suggested question is asked when it is pressed.
element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button) trigger("select", { question: button.textContent.trim() });
});
