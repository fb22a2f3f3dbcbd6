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
import { RollBack } from "./roll-back";

export function ReleasesPage() {
  const polling = usePolling(30_000, 5_000);
  const installed = useQuery({ ...releases, refetchInterval: polling });
  const past = useQuery({ ...history(50), refetchInterval: polling });
  const operator = may(useQuery(me).data?.role, "operator");
  const [backTo, setBackTo] = useState<Release>();
  const target = installed.data?.releases.find(({ previous }) => previous);
  return (
    <Page
      title="Releases & upgrade"
      note="Each release is complete and unchangeable. An upgrade switches to another one and keeps the way back."
      act={
        operator ? (
          <>
            <Button disabled={target === undefined} onClick={() => setBackTo(target)}>
              Roll back…
            </Button>
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
      {backTo ? <RollBack to={backTo.version} onClose={() => setBackTo(undefined)} /> : null}
    </Page>
  );
}

const RELEASES: Column<Release>[] = [
  { head: "Version", title: true, cell: ({ version }) => <span className="mono font-medium">{version}</span> },
  {
    head: "Role",
    cell: (release) =>
      release.problems.length > 0 ? (
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
  { head: "Size", right: true, cell: ({ size_bytes }) => bytes(size_bytes) },
];

const HISTORY: Column<Transaction>[] = [
  {
    head: "What",
    title: true,
    cell: ({ id, kind, source, target }) => (
      <Link to="/releases/upgrade/$transaction" params={{ transaction: id }} className="text-accent hover:underline">
        <span className="font-medium">{kind}</span>{" "}
        <span className="mono">
          {source || "–"} → {target || "–"}
        </span>
      </Link>
    ),
  },
  { head: "Verdict", cell: ({ state }) => <State state={state} /> },
  {
    head: "Reason",
    cell: ({ failure }) =>
      failure ? <span className="text-muted">{failure.detail}</span> : <span className="text-muted">–</span>,
  },
  { head: "Started", right: true, cell: ({ started }) => <Ago at={started} /> },
  {
    head: "Took",
    right: true,
    cell: ({ started, finished }) => {
      const from = instant(started);
      const until = instant(finished);
      return from !== undefined && until !== undefined ? span((until - from) / 1000) : "–";
    },
  },
];
