import { Page } from "../../parts/panel";
export function OverviewPage() {
  return <Page title="overview">.</Page>;
}
