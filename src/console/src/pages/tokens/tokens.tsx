import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { type Token, tokens } from "../../api/queries";
import { usePolling } from "../../live/events";
import { Await, Empty } from "../../parts/await";
import { Button } from "../../parts/button";
import { Page, Panel } from "../../parts/panel";
import { State } from "../../parts/state";
import { type Column, Table } from "../../parts/table";
import { Ago, instant, useNow } from "../../parts/time";
import { me } from "../../shell/session";
import { CreateToken } from "./create";
import { standingOf } from "./decision";
import { RevokeToken } from "./revoke";

export function TokensPage() {
  const [all, setAll] = useState(false);
  const [creating, setCreating] = useState(false);
  const [revoking, setRevoking] = useState<Token>();
  const query = useQuery({ ...tokens(all), refetchInterval: usePolling() });
  const user = useQuery(me).data;
  const now = useNow(30_000);
  const columns: Column<Token>[] = [
    {
      head: "Name",
      title: true,
      cell: (token) => (
        <>
          <span className="font-medium">{token.name}</span>
          <span className="mono block text-xs text-muted">{token.id}</span>
        </>
      ),
    },
    { head: "Role", cell: (token) => token.role },
    { head: "For", cell: (token) => (token.kind === "agent" ? "an agent" : "a person") },
    { head: "Owner", cell: (token) => (token.owner === user?.id ? "you" : token.owner) },
    { head: "Last used", cell: (token) => <Ago at={token.last_used} /> },
    { head: "Expires", cell: (token) => <Ago at={token.expires} /> },
    {
      head: "State",
      cell: (token) => <State state={standingOf(token, now)} />,
    },
    {
      head: "",
      right: true,
      cell: (token) =>
        standingOf(token, now) === "valid" ? (
          <Button size="sm" onClick={() => setRevoking(token)} aria-label={`Revoke ${token.name}`}>
            Revoke
          </Button>
        ) : (
          <span className="text-muted">{instant(token.revoked) ? <Ago at={token.revoked} /> : null}</span>
        ),
    },
  ];
  return (
    <Page
      title="Tokens"
      note="For scripts, agents and other machines. People sign in with name and password."
      act={
        <Button look="primary" onClick={() => setCreating(true)}>
          Create token
        </Button>
      }
    >
      <Panel
        flush
        title="API tokens"
        act={
          <label className="flex h-7 cursor-pointer items-center gap-2 text-sm">
            <input
              type="checkbox"
              className="size-4 accent-accent"
              checked={all}
              onChange={(event) => setAll(event.target.checked)}
            />
            Show revoked and expired
          </label>
        }
      >
        <Await query={query}>
          {({ tokens: rows }) =>
            rows.length > 0 ? (
              <Table caption="API tokens" columns={columns} rows={rows} rowKey={(token) => token.id} />
            ) : (
              <Empty title="No tokens yet">
                Create one for a script or an MCP client. Its secret is shown once; the appliance keeps only a hash.
              </Empty>
            )
          }
        </Await>
      </Panel>
      {creating ? <CreateToken onClose={() => setCreating(false)} /> : null}
      {revoking ? <RevokeToken token={revoking} onClose={() => setRevoking(undefined)} /> : null}
    </Page>
  );
}
