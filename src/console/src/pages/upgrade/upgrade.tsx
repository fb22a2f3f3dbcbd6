import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { asProblem } from "../../api/problem";
import { releases } from "../../api/queries";
import { ApplianceOnly } from "../../parts/await";
import { Note } from "../../parts/note";
import { Page, Panel } from "../../parts/panel";
import { may, me } from "../../shell/session";
import { Choose } from "./choose";
import { PlanPanel } from "./plan";

/** Choose a bundle, look at the plan, start. The upload is in the address, so a reload shows the plan again. */
export function UpgradePage() {
  const { upload } = useSearch({ from: "/in/releases/upgrade" });
  const navigate = useNavigate();
  const role = useQuery(me).data?.role;
  const machine = useQuery(releases);
  const dev = machine.isError && asProblem(machine.error).code === "appliance_only";
  return (
    <Page
      title="Upgrade"
      note={
        <>
          A release must prove itself healthy before it is kept; anything else goes back by itself.{" "}
          <Link to="/releases" className="text-accent underline underline-offset-2">
            Releases & upgrade
          </Link>
        </>
      }
    >
      {may(role, "operator") ? null : (
        <Note tone="still" title="Looking at a bundle needs the role operator, starting an upgrade the role admin." />
      )}
      {dev ? (
        <Panel flush>
          <ApplianceOnly />
        </Panel>
      ) : upload ? (
        <PlanPanel upload={upload} onOther={() => navigate({ to: "/releases/upgrade", search: {} })} />
      ) : (
        <Choose onUploaded={(handle) => navigate({ to: "/releases/upgrade", search: { upload: handle } })} />
      )}
    </Page>
  );
}
