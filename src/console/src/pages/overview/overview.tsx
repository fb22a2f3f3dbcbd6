import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type Status, status as statusQuery } from "../../api/queries";
import { usePolling } from "../../live/events";
import { Await, Empty } from "../../parts/await";
import { buttonClass } from "../../parts/button";
import { Facts, Page, Panel } from "../../parts/panel";
import { bytes } from "../../parts/size";
import { Sign, State, toneOf, toneSoft } from "../../parts/state";
import { type Column, Table } from "../../parts/table";
import { type ServiceRow, serviceRows, unitState } from "./decision";

const VERDICT: Record<Status["status"], string> = {
  ok: "Everything works",
  degraded: "Works, but something needs attention",
  error: "Something does not work",
};

export function OverviewPage() {
  const query = useQuery({ ...statusQuery, refetchInterval: usePolling(10_000, 5_000) });
  return (
    <Page title="Overview">
      {query.data === undefined ? (
        <Panel flush>
          <Await query={query} lines={6}>
            {() => null}
          </Await>
        </Panel>
      ) : (
        <Appliance status={query.data} />
      )}
    </Page>
  );
}

function Appliance({ status }: { status: Status }) {
  return (
    <>
      <Verdict status={status} />
      <div className="grid items-start gap-5 lg:grid-cols-[3fr_2fr]">
        <div className="flex min-w-0 flex-col gap-5">
          <Checks checks={status.checks} />
          {status.units.length > 0 ? <Services status={status} /> : null}
        </div>
        <div className="flex min-w-0 flex-col gap-5">
          <Release status={status} />
          <Disks status={status} />
        </div>
      </div>
    </>
  );
}

function Verdict({ status }: { status: Status }) {
  const tone = toneOf(status.status);
  return (
    <div
      role="status"
      data-appliance={status.status}
      className={`flex items-start gap-3 rounded-lg px-4 py-3 ${toneSoft(tone)}`}
    >
      <Sign tone={tone} className="mt-1 size-4!" />
      <div className="min-w-0">
        <p className="text-lg font-semibold">{VERDICT[status.status]}</p>
        {status.reasons.length > 0 ? (
          <ul className="mt-0.5 list-none">
            {status.reasons.map((reason) => (
              <li key={reason} className="wrap-anywhere">
                {reason}
              </li>
            ))}
          </ul>
        ) : null}
      </div>
    </div>
  );
}

const WORST_FIRST = ["error", "degraded", "ok"];

function Checks({ checks }: { checks: Status["checks"] }) {
  const sorted = checks.toSorted((one, other) => WORST_FIRST.indexOf(one.status) - WORST_FIRST.indexOf(other.status));
  return (
    <Panel flush title="Checks">
      {sorted.length === 0 ? <Empty title="No checks here" /> : null}
      <ul className="divide-y divide-line">
        {sorted.map((check) => (
          <li
            key={check.name}
            className="grid grid-cols-[6.5rem_1fr] gap-x-3 px-4 py-1.5 sm:grid-cols-[6.5rem_9rem_1fr]"
          >
            <span>
              <State state={check.status} />
            </span>
            <span className="min-w-0 font-medium wrap-anywhere">{check.name.replaceAll("_", " ")}</span>
            <span className="min-w-0 text-muted wrap-anywhere max-sm:col-start-2">{check.detail}</span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function Release({ status }: { status: Status }) {
  return (
    <Panel
      flush
      title="Release"
      act={
        <Link to="/releases" className={buttonClass("plain", "sm")}>
          Manage
        </Link>
      }
    >
      <Facts
        rows={[
          [
            "Running",
            <span key="running" className="mono">
              {status.release ?? "unknown"}
            </span>,
          ],
          [
            "Can go back to",
            status.previous ? (
              <span key="previous" className="mono">
                {status.previous}
              </span>
            ) : (
              <span key="previous" className="text-muted">
                nothing yet
              </span>
            ),
          ],
        ]}
      />
    </Panel>
  );
}

const BAR: Record<Status["status"], string> = { ok: "bg-edge", degraded: "bg-warn", error: "bg-bad" };

function Disks({ status }: { status: Status }) {
  return (
    <Panel title="Disk">
      <ul className="flex flex-col gap-3">
        {status.disks.map((disk) => {
          const used = Math.min(100, Math.max(0, disk.used_percent));
          const level = status.checks.find(({ name }) => name === `disk ${disk.path}`)?.status ?? "ok";
          return (
            <li key={disk.path} className="flex flex-col gap-1">
              <div className="flex flex-wrap justify-between gap-x-4">
                <span className="mono">{disk.path}</span>
                <span className="text-muted">{bytes(disk.free_mb * 1_000_000)} free</span>
              </div>
              {/* biome-ignore lint/a11y/useSemanticElements: a <meter> takes no colour from the tokens */}
              <div
                role="meter"
                aria-label={`${disk.path} used`}
                aria-valuemin={0}
                aria-valuemax={100}
                aria-valuenow={Math.round(used)}
                aria-valuetext={`${Math.round(used)} % used`}
                className="h-1.5 overflow-hidden rounded-full bg-hover"
              >
                <div className={`h-full rounded-full ${BAR[level]}`} style={{ width: `${used}%` }} />
              </div>
              <span className="text-xs text-muted">{Math.round(used)} % used</span>
            </li>
          );
        })}
      </ul>
    </Panel>
  );
}

const SERVICE_COLUMNS: Column<ServiceRow>[] = [
  { head: "Service", title: true, cell: ({ name }) => <span className="font-medium">{name}</span> },
  {
    head: "State",
    cell: ({ service, starter }) => (service ? <UnitWord {...unitState(service, starter !== undefined)} /> : "–"),
  },
  {
    head: "Socket or timer",
    cell: ({ starter }) =>
      starter ? <UnitWord {...unitState(starter, false)} /> : <span className="text-muted">none</span>,
  },
];

function UnitWord({ word, tone }: ReturnType<typeof unitState>) {
  return <State state={word} tone={tone} soft={false} />;
}

function Services({ status }: { status: Status }) {
  return (
    <Panel flush title="Services">
      <Table
        caption="Services of the appliance and what starts them"
        columns={SERVICE_COLUMNS}
        rows={serviceRows(status.units)}
        rowKey={(row) => row.name}
      />
    </Panel>
  );
}
