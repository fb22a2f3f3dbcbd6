import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { type DocsLine, docs } from "../../api/queries";
import { Await, Empty } from "../../parts/await";
import { Button } from "../../parts/button";
import { Field } from "../../parts/field";
import { Page, Panel } from "../../parts/panel";
import { anchorOf, plain } from "./decision";

export function DocsPage() {
  const { search } = useSearch({ from: "/in/docs" });
  return (
    <Page
      title="Docs"
      note="The guide of the running release; the same pages are in attctl docs and /usr/share/doc/att."
    >
      <Panel flush title={search ? `Lines with “${search}”` : "Pages"}>
        <Search key={search ?? ""} search={search ?? ""} />
        {search ? <Found search={search} /> : <Pages />}
      </Panel>
    </Page>
  );
}

function Pages() {
  return (
    <Await query={useQuery(docs({}))}>
      {({ pages }) => (
        <ul className="divide-y divide-line">
          {pages.map((page) => (
            <li key={page.name} className="px-4 py-2.5">
              <Link to="/docs/$page" params={{ page: page.name }} className="font-medium text-accent underline">
                {page.title}
              </Link>
              <p className="text-muted">{plain(page.summary)}</p>
            </li>
          ))}
        </ul>
      )}
    </Await>
  );
}

function Found({ search }: { search: string }) {
  return (
    <Await query={useQuery(docs({ search }))}>
      {({ pages, found = [] }) =>
        pages.length > 0 ? (
          pages.map((page) => (
            <section key={page.name} aria-label={page.title} className="border-b border-line px-4 py-2.5 last:border-0">
              <h3 className="font-medium">{page.title}</h3>
              <ul className="mt-1 flex flex-col gap-1">
                {found
                  .filter((line) => line.page === page.name)
                  .map((line) => (
                    <li key={line.heading + line.line}>
                      <Hit line={line} />
                    </li>
                  ))}
              </ul>
            </section>
          ))
        ) : (
          <Empty title="No line has all of these words">Try fewer, or a part of a word.</Empty>
        )
      }
    </Await>
  );
}

function Hit({ line }: { line: DocsLine }) {
  return (
    <>
      <Link
        to="/docs/$page"
        params={{ page: line.page }}
        hash={anchorOf(line.heading)}
        className="text-accent underline"
      >
        {line.heading}
      </Link>{" "}
      <span className="text-muted wrap-anywhere">{plain(line.line)}</span>
    </>
  );
}

function Search({ search }: { search: string }) {
  const navigate = useNavigate();
  const [words, setWords] = useState(search);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    navigate({ to: "/docs", search: words.trim() ? { search: words.trim() } : {} });
  };
  return (
    <form
      onSubmit={submit}
      aria-label="Search the docs"
      className="grid items-end gap-3 border-b border-line px-4 py-3 sm:grid-cols-[1fr_auto]"
    >
      <Field
        label="Words"
        placeholder="recovery key"
        maxLength={100}
        value={words}
        onChange={(event) => setWords(event.target.value)}
      />
      <Button type="submit">Search</Button>
    </form>
  );
}
