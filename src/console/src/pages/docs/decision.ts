// How the guide's Markdown becomes a page: which heading has which anchor, and where a link leads. Pure.

/** The anchor of a heading: its words in small letters, joined by dashes. */
export const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{Letter}\p{Number}]+/gu, "-")
    .replace(/^-|-$/g, "");

export type Target = { kind: "page"; page: string } | { kind: "elsewhere"; href: string } | { kind: "none" };

/** Another page of the guide, a place on the web, or nothing that a page may lead to. */
export const targetOf = (href: string): Target => {
  const page = /^([a-z][a-z0-9-]*)\.md$/.exec(href)?.[1];
  if (page) return { kind: "page", page };
  return /^https:\/\//.test(href) ? { kind: "elsewhere", href } : { kind: "none" };
};

/** One line without the marks of Markdown, for where it stands alone. */
export const plain = (line: string): string =>
  line
    .replace(/^(#+|-|\|) /, "")
    .replace(/ \|$/, "")
    .replaceAll(" | ", ": ")
    .replaceAll(/`|\*\*/g, "")
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1");

/** The text below the title, which the page itself shows. */
export const withoutTitle = (text: string): string => text.replace(/^# .*\n+/, "");
