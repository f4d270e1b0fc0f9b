import DOMPurify from "dompurify";
import { Marked } from "marked";

/** Longer texts are cut: nobody reads them to their end. */
const MAX_CHARS = 512 * 1024;

const ALLOWED_TAGS = [
  ...["h1", "h2", "h3", "h4", "h5", "h6", "p", "br", "hr", "blockquote", "pre", "code", "kbd", "samp", "var"],
  ...[
    "ul",
    "ol",
    "li",
    "dl",
    "dt",
    "dd",
    "strong",
    "b",
    "em",
    "i",
    "del",
    "s",
    "ins",
    "sub",
    "sup",
    "q",
    "abbr",
  ],
  ...[
    "table",
    "thead",
    "tbody",
    "tfoot",
    "tr",
    "th",
    "td",
    "caption",
    "a",
    "img",
    "details",
    "summary",
    "div",
    "span",
  ],
];
const ALLOWED_ATTR = ["href", "src", "alt", "title", "align", "colspan", "rowspan", "open", "start"];

const parser = new Marked({
  gfm: true,
  renderer: { checkbox: ({ checked }) => (checked ? "☑ " : "☐ ") },
});

/**
 * Markdown that a job wrote, as elements that cannot do anything: no scripts, styles or forms, links that lead to http(s)
 * and mail alone, and a link in the place of each picture, because this page loads nothing from elsewhere.
 */
export function renderMarkdown(text: string): DocumentFragment {
  const shown = text.length > MAX_CHARS ? `${text.slice(0, MAX_CHARS)}\n\n… (cut)` : text;
  const html = parser.parse(shown, { async: false });
  const fragment = DOMPurify.sanitize(html, {
    ALLOWED_TAGS,
    ALLOWED_ATTR,
    ALLOWED_URI_REGEXP: /^(?:https?:|mailto:)/i,
    RETURN_DOM_FRAGMENT: true,
  });
  for (const image of fragment.querySelectorAll("img")) image.replaceWith(linkOf(image));
  for (const link of fragment.querySelectorAll("a")) {
    link.target = "_blank";
    link.rel = "noopener noreferrer nofollow";
  }
  // The page has its own headings above these.
  for (const heading of fragment.querySelectorAll("h1, h2")) renameTo("h3", heading);
  return fragment;
}

function linkOf(image: HTMLImageElement): HTMLElement {
  const src = image.getAttribute("src");
  const link = document.createElement(src ? "a" : "span");
  link.textContent = image.alt || src || "picture";
  if (src) link.setAttribute("href", src);
  return link;
}

function renameTo(tag: string, element: Element): void {
  const other = document.createElement(tag);
  other.append(...element.childNodes);
  element.replaceWith(other);
}
