import { Page } from "../../parts/panel";
export function UpgradePage() {
  return <Page title="upgrade">.</Page>;
}
