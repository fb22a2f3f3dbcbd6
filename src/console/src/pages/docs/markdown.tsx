import { Link } from "@tanstack/react-router";
import { lexer, type Token, type Tokens } from "marked";
import { Fragment, type ReactNode } from "react";
import { anchorOf, targetOf } from "./decision";

/** Markdown as elements, never as HTML: what the page does not know it shows as it is written. */
export function Markdown({ text }: { text: string }) {
  return <div className="flex max-w-3xl min-w-0 flex-col gap-3 wrap-anywhere">{each(lexer(text), block)}</div>;
}

const each = <T,>(tokens: readonly T[] | undefined, show: (token: T) => ReactNode): ReactNode =>
  // biome-ignore lint/suspicious/noArrayIndexKey: a text has no other identity than its place
  tokens?.map((token, place) => <Fragment key={place}>{show(token)}</Fragment>);

function block(token: Token): ReactNode {
  switch (token.type) {
    case "space":
      return null;
    case "heading":
      return <Heading token={token as Tokens.Heading} />;
    case "paragraph":
      return <p>{each(token.tokens, inline)}</p>;
    case "code":
      return <pre className="mono rounded-md bg-sunken px-3 py-2 whitespace-pre-wrap">{token.text}</pre>;
    case "list":
      return <List token={token as Tokens.List} />;
    case "table":
      return <Rows token={token as Tokens.Table} />;
    default:
      return inline(token);
  }
}

function inline(token: Token): ReactNode {
  switch (token.type) {
    case "strong":
      return <strong className="font-semibold">{each(token.tokens, inline)}</strong>;
    case "em":
      return <em>{each(token.tokens, inline)}</em>;
    case "codespan":
      return <code className="mono rounded-sm bg-sunken px-1 py-px">{token.text}</code>;
    case "link":
      return <Leads token={token as Tokens.Link} />;
    case "text":
      return token.tokens ? each(token.tokens, inline) : token.text;
    case "escape":
      return token.text;
    default:
      return token.raw;
  }
}

function Heading({ token }: { token: Tokens.Heading }) {
  const id = anchorOf(token.text);
  const words = each(token.tokens, inline);
  if (token.depth <= 2) {
    return (
      <h2 id={id} className="mt-3 scroll-mt-16 text-lg font-semibold">
        {words}
      </h2>
    );
  }
  return (
    <h3 id={id} className="mt-2 scroll-mt-16 text-base font-semibold">
      {words}
    </h3>
  );
}

function List({ token }: { token: Tokens.List }) {
  const items = each(token.items, (item) => <li>{each(item.tokens, block)}</li>);
  return token.ordered ? (
    <ol className="flex list-decimal flex-col gap-1 pl-6">{items}</ol>
  ) : (
    <ul className="flex list-disc flex-col gap-1 pl-6">{items}</ul>
  );
}

function Rows({ token }: { token: Tokens.Table }) {
  return (
    <table className="w-full border-collapse text-sm">
      <thead>
        <tr className="border-b border-line text-left text-xs text-muted">
          {each(token.header, (cell) => (
            <th scope="col" className="py-1.5 pr-4 font-medium">
              {each(cell.tokens, inline)}
            </th>
          ))}
        </tr>
      </thead>
      <tbody className="divide-y divide-line">
        {each(token.rows, (row) => (
          <tr>
            {each(row, (cell) => (
              <td className="py-1.5 pr-4 align-top">{each(cell.tokens, inline)}</td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Leads({ token }: { token: Tokens.Link }) {
  const target = targetOf(token.href);
  const words = each(token.tokens, inline);
  if (target.kind === "none") return words;
  const look = "text-accent underline";
  return target.kind === "page" ? (
    <Link to="/docs/$page" params={{ page: target.page }} className={look}>
      {words}
    </Link>
  ) : (
    <a href={target.href} rel="noreferrer" className={look}>
      {words}
    </a>
  );
}
