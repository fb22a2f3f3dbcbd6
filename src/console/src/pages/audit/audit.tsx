import { useInfiniteQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { type AuditFilter, type AuditRecord, audit } from "../../api/queries";
import { usePolling } from "../../live/events";
import { Await, Empty } from "../../parts/await";
import { Button } from "../../parts/button";
import { Field } from "../../parts/field";
import { Page, Panel } from "../../parts/panel";
import { State } from "../../parts/state";
import { type Column, Table } from "../../parts/table";
import { Ago } from "../../parts/time";

const COLUMNS: Column<AuditRecord>[] = [
  { head: "When", className: "w-28", cell: (record) => <Ago at={record.time} /> },
  { head: "What", title: true, cell: (record) => <span className="font-medium">{record.operation}</span> },
  {
    head: "Who",
    cell: (record) => (
      <>
        {record.caller_name}
        {record.caller_kind === "person" ? null : <span className="text-muted"> ({record.caller_kind})</span>}
      </>
    ),
  },
  {
    head: "From",
    cell: (record) => <span className="text-muted">{[record.door, record.peer].filter(Boolean).join(" ")}</span>,
  },
  {
    head: "Outcome",
    cell: (record) => <State state={record.outcome} tone={record.outcome === "ok" ? "ok" : "bad"} soft={false} />,
  },
  {
    head: "Details",
    cell: (record) => (
      <details className="text-left">
        <summary className="cursor-pointer text-muted hover:text-ink">
          <span className="sr-only">Details of {record.operation}</span>
          <span aria-hidden="true">Show</span>
        </summary>
        <pre className="mono mt-1 max-w-[min(26rem,70vw)] overflow-x-auto rounded-md bg-sunken p-2 text-xs">
          {JSON.stringify(record.target, null, 2)}
        </pre>
        <p className="mt-1 text-xs text-muted">
          request <span className="mono select-all">{record.request_id}</span>
        </p>
      </details>
    ),
  },
];

export function AuditPage() {
  const filter = useSearch({ from: "/in/audit" });
  const query = useInfiniteQuery({ ...audit(filter), refetchInterval: usePolling(30_000, 10_000) });
  const filtered = Object.keys(filter).length > 0;
  return (
    <Page
      title="Audit"
      note="Every change, and every refused attempt at one. Upgrades and rollbacks are also in the machine's own audit.log."
    >
      <Panel flush title="Records" act={filtered ? <ClearFilter /> : null}>
        <Filter key={JSON.stringify(filter)} filter={filter} />
        <Await query={query}>
          {({ pages }) => {
            const rows = pages.flatMap((page) => page.records);
            return rows.length > 0 ? (
              <Table
                caption="Audit records, newest first"
                columns={COLUMNS}
                rows={rows}
                rowKey={(record) => record.id}
              />
            ) : (
              <Empty title={filtered ? "No record matches" : "Nothing recorded yet"}>
                {filtered ? "Change or clear the filter." : null}
              </Empty>
            );
          }}
        </Await>
        {query.hasNextPage ? (
          <div className="border-t border-line p-3 text-center">
            <Button busy={query.isFetchingNextPage} onClick={() => query.fetchNextPage()}>
              Show older records
            </Button>
          </div>
        ) : null}
      </Panel>
    </Page>
  );
}

function ClearFilter() {
  const navigate = useNavigate();
  return (
    <Button size="sm" onClick={() => navigate({ to: "/audit", search: {} })}>
      Clear filter
    </Button>
  );
}

function Filter({ filter }: { filter: AuditFilter }) {
  const navigate = useNavigate();
  const [operation, setOperation] = useState(filter.operation ?? "");
  const [caller, setCaller] = useState(filter.caller ?? "");
  const [outcome, setOutcome] = useState(filter.outcome ?? "");
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const search: AuditFilter = {};
    if (operation.trim()) search.operation = operation.trim();
    if (caller.trim()) search.caller = caller.trim();
    if (outcome.trim()) search.outcome = outcome.trim();
    navigate({ to: "/audit", search });
  };
  return (
    <form
      onSubmit={submit}
      aria-label="Filter"
      className="grid items-end gap-3 border-b border-line px-4 py-3 sm:grid-cols-[1fr_1fr_1fr_auto]"
    >
      <Field
        label="Operation"
        placeholder="att.token."
        value={operation}
        spellCheck={false}
        onChange={(event) => setOperation(event.target.value)}
      />
      <Field
        label="Who"
        placeholder="name or id"
        value={caller}
        spellCheck={false}
        onChange={(event) => setCaller(event.target.value)}
      />
      <Field
        label="Outcome"
        placeholder="ok or an error code"
        value={outcome}
        spellCheck={false}
        onChange={(event) => setOutcome(event.target.value)}
      />
      <Button type="submit">Filter</Button>
    </form>
  );
}
