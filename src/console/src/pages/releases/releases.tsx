import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { history, type Release, releases, type Transaction } from "../../api/queries";
import { usePolling } from "../../live/events";
import { Await, Empty } from "../../parts/await";
import { Button, buttonClass } from "../../parts/button";
import { Page, Panel } from "../../parts/panel";
import { bytes } from "../../parts/size";
import { State } from "../../parts/state";
import { type Column, Table } from "../../parts/table";
import { Ago, instant, span } from "../../parts/time";
import { may, me } from "../../shell/session";
import { courseOf, endingOf, endingTone } from "../upgrade/course";
import { titleOf } from "../upgrade/title";
import { RollBack } from "./roll-back";

export function ReleasesPage() {
  const polling = usePolling(30_000, 5_000);
  const installed = useQuery({ ...releases, refetchInterval: polling });
  const past = useQuery({ ...history(50), refetchInterval: polling });
  const role = useQuery(me).data?.role;
  const [backTo, setBackTo] = useState<Release>();
  const target = installed.data?.releases.find(({ previous }) => previous);
  return (
    <Page
      title="Releases & upgrade"
      note="Each release is complete and unchangeable. An upgrade switches to another one and keeps the way back."
      act={
        may(role, "operator") && !installed.isError ? (
          <>
            {may(role, "admin") ? (
              <Button disabled={target === undefined} onClick={() => setBackTo(target)}>
                Roll back…
              </Button>
            ) : null}
            <Link to="/releases/upgrade" className={buttonClass("primary")}>
              Upgrade…
            </Link>
          </>
        ) : null
      }
    >
      <Panel flush title="Installed">
        <Await query={installed}>
          {({ releases: rows }) => (
            <Table caption="Installed releases" columns={RELEASES} rows={rows} rowKey={({ version }) => version} />
          )}
        </Await>
      </Panel>
      <Panel flush title="History">
        <Await query={past}>
          {({ transactions: rows }) =>
            rows.length > 0 ? (
              <Table
                caption="Upgrades and rollbacks, newest first"
                columns={HISTORY}
                rows={rows}
                rowKey={({ id }) => id}
              />
            ) : (
              <Empty title="No upgrade yet">The first one will show here with its verdict.</Empty>
            )
          }
        </Await>
      </Panel>
      {installed.data?.bad?.length ? (
        <p className="text-sm text-muted">
          Refused because they were rolled back: {installed.data.bad.map(({ version }) => String(version)).join(", ")}
        </p>
      ) : null}
      {backTo ? <RollBack to={backTo.version} onClose={() => setBackTo(undefined)} /> : null}
    </Page>
  );
}

const RELEASES: Column<Release>[] = [
  { head: "Version", title: true, cell: ({ version }) => <span className="mono font-medium">{version}</span> },
  {
    head: "Role",
    cell: (release) =>
      release.problems?.length ? (
        <State state="damaged" tone="bad" />
      ) : release.current ? (
        <State state="running" tone="ok" />
      ) : release.previous ? (
        <State state="rollback target" tone="still" />
      ) : (
        <span className="text-muted">kept</span>
      ),
  },
  { head: "Built", cell: ({ build_time }) => <Ago at={build_time} none="unknown" /> },
  { head: "Commit", cell: ({ commit }) => <span className="mono">{commit ? commit.slice(0, 12) : "–"}</span> },
  { head: "Data schema", right: true, cell: ({ schema_version }) => schema_version ?? "–" },
  { head: "Size", right: true, cell: ({ size_bytes }) => bytes(size_bytes) },
];

const HISTORY: Column<Transaction>[] = [
  {
    head: "What",
    title: true,
    cell: (transaction) => (
      <Link
        to="/releases/upgrade/$transaction"
        params={{ transaction: transaction.id }}
        className="font-medium text-accent hover:underline"
      >
        {titleOf(transaction)}
      </Link>
    ),
  },
  {
    head: "Verdict",
    cell: (transaction) => {
      const ending = endingOf(transaction);
      return ending ? (
        <State state={ending} tone={endingTone(ending, courseOf(transaction))} />
      ) : (
        <State state={transaction.state} tone="run" />
      );
    },
  },
  {
    head: "Reason",
    cell: (transaction) => <span className="text-muted">{transaction.failure?.detail ?? "–"}</span>,
  },
  { head: "By", cell: ({ by }) => by || "–" },
  { head: "Began", right: true, cell: ({ started }) => <Ago at={started} /> },
  {
    head: "Took",
    right: true,
    cell: ({ started, finished }) => {
      const [from, until] = [instant(started), instant(finished)];
      return from !== undefined && until !== undefined ? span((until - from) / 1000) : "–";
    },
  },
];
