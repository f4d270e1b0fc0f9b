import activity from "lucide-static/icons/activity.svg" with { type: "text" };
import ban from "lucide-static/icons/ban.svg" with { type: "text" };
import calendar from "lucide-static/icons/calendar-clock.svg" with { type: "text" };
import check from "lucide-static/icons/check.svg" with { type: "text" };
import chevronDown from "lucide-static/icons/chevron-down.svg" with { type: "text" };
import chevronLeft from "lucide-static/icons/chevron-left.svg" with { type: "text" };
import chevronRight from "lucide-static/icons/chevron-right.svg" with { type: "text" };
import chevronUp from "lucide-static/icons/chevron-up.svg" with { type: "text" };
import circleCheck from "lucide-static/icons/circle-check.svg" with { type: "text" };
import circleDashed from "lucide-static/icons/circle-dashed.svg" with { type: "text" };
import circlePause from "lucide-static/icons/circle-pause.svg" with { type: "text" };
import circleX from "lucide-static/icons/circle-x.svg" with { type: "text" };
import clock from "lucide-static/icons/clock.svg" with { type: "text" };
import copy from "lucide-static/icons/copy.svg" with { type: "text" };
import cpu from "lucide-static/icons/cpu.svg" with { type: "text" };
import download from "lucide-static/icons/download.svg" with { type: "text" };
import ellipsis from "lucide-static/icons/ellipsis.svg" with { type: "text" };
import externalLink from "lucide-static/icons/external-link.svg" with { type: "text" };
import file from "lucide-static/icons/file.svg" with { type: "text" };
import folder from "lucide-static/icons/folder.svg" with { type: "text" };
import gitFork from "lucide-static/icons/git-fork.svg" with { type: "text" };
import info from "lucide-static/icons/info.svg" with { type: "text" };
import key from "lucide-static/icons/key-round.svg" with { type: "text" };
import keyboard from "lucide-static/icons/keyboard.svg" with { type: "text" };
import layers from "lucide-static/icons/layers.svg" with { type: "text" };
import layoutDashboard from "lucide-static/icons/layout-dashboard.svg" with { type: "text" };
import layoutTemplate from "lucide-static/icons/layout-template.svg" with { type: "text" };
import list from "lucide-static/icons/list.svg" with { type: "text" };
import filter from "lucide-static/icons/list-filter.svg" with { type: "text" };
import loader from "lucide-static/icons/loader.svg" with { type: "text" };
import logOut from "lucide-static/icons/log-out.svg" with { type: "text" };
import moon from "lucide-static/icons/moon.svg" with { type: "text" };
import pause from "lucide-static/icons/pause.svg" with { type: "text" };
import play from "lucide-static/icons/play.svg" with { type: "text" };
import plus from "lucide-static/icons/plus.svg" with { type: "text" };
import refresh from "lucide-static/icons/refresh-cw.svg" with { type: "text" };
import retry from "lucide-static/icons/rotate-ccw.svg" with { type: "text" };
import save from "lucide-static/icons/save.svg" with { type: "text" };
import search from "lucide-static/icons/search.svg" with { type: "text" };
import server from "lucide-static/icons/server.svg" with { type: "text" };
import settings from "lucide-static/icons/settings.svg" with { type: "text" };
import shield from "lucide-static/icons/shield.svg" with { type: "text" };
import skip from "lucide-static/icons/skip-forward.svg" with { type: "text" };
import sun from "lucide-static/icons/sun.svg" with { type: "text" };
import monitor from "lucide-static/icons/sun-moon.svg" with { type: "text" };
import tag from "lucide-static/icons/tag.svg" with { type: "text" };
import terminal from "lucide-static/icons/terminal.svg" with { type: "text" };
import trash from "lucide-static/icons/trash-2.svg" with { type: "text" };
import alert from "lucide-static/icons/triangle-alert.svg" with { type: "text" };
import upload from "lucide-static/icons/upload.svg" with { type: "text" };
import users from "lucide-static/icons/users.svg" with { type: "text" };
import coins from "lucide-static/icons/wallet.svg" with { type: "text" };
import wifiOff from "lucide-static/icons/wifi-off.svg" with { type: "text" };
import x from "lucide-static/icons/x.svg" with { type: "text" };

const icons = {
  ...{ activity, alert, ban, calendar, check, chevronDown, chevronLeft, chevronRight, chevronUp },
  ...{ circleCheck, circleDashed, circlePause, circleX, clock, coins, copy, cpu, download, ellipsis },
  ...{
    externalLink,
    file,
    filter,
    folder,
    gitFork,
    info,
    key,
    keyboard,
    layers,
    layoutDashboard,
    layoutTemplate,
    list,
    loader,
  },
  ...{ logOut, monitor, moon, pause, play, plus, refresh, retry, save, search, server, settings, shield },
  ...{ skip, sun, tag, terminal, trash, upload, users, wifiOff, x },
};
export type IconName = keyof typeof icons;

/** Our own text, from the library's files: nothing that anybody enters gets here. */
const insides = Object.fromEntries(
  Object.entries(icons).map(([name, svg]) => [name, { __html: insideOf(svg) }]),
) as Record<IconName, { __html: string }>;

/** A picture that only repeats what text beside it says; it is not read aloud. */
export function Icon({ name, class: more = "" }: { name: IconName; class?: string }) {
  return (
    <svg
      class={`icon ${more}`}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      stroke-width="2"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
      dangerouslySetInnerHTML={insides[name]}
    />
  );
}

function insideOf(svg: string): string {
  return svg.slice(svg.indexOf(">", svg.indexOf("<svg")) + 1, svg.lastIndexOf("</svg>"));
}
