import { render } from "preact";
import { App } from "./app";
import "./style.css";
import { takeToken } from "./server";

takeToken();
const root = document.getElementById("page");
if (root) {
  root.replaceChildren();
  render(<App />, root);
}
