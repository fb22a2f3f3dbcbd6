import { useQuery } from "@tanstack/react-query";
import { Link, useLocation, useParams } from "@tanstack/react-router";
import { useEffect } from "react";
import { docs } from "../../api/queries";
import { Await } from "../../parts/await";
import { Page, Panel } from "../../parts/panel";
import { withoutTitle } from "./decision";
import { Markdown } from "./markdown";

export function DocPage() {
  const { page } = useParams({ from: "/in/docs/$page" });
  const query = useQuery(docs({ page }));
  const text = query.data?.text;
  const { hash } = useLocation();
  useEffect(() => {
    if (text && hash) document.getElementById(hash)?.scrollIntoView();
  }, [text, hash]);
  return (
    <Page
      title={query.data?.pages[0]?.title ?? "Docs"}
      act={
        <Link to="/docs" className="text-accent underline">
          All pages
        </Link>
      }
    >
      <Panel>
        <Await query={query} lines={8}>
          {(found) => <Markdown text={withoutTitle(found.text ?? "")} />}
        </Await>
      </Panel>
    </Page>
  );
}
