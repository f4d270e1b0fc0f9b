import { signal } from "@preact/signals";
import { recall, remember } from "./remember.ts";

export type Theme = "system" | "light" | "dark";

/** What the person chose; `system`: as their device. */
export const theme = signal<Theme>(recall<Theme>("theme") ?? "system");

export function chooseTheme(chosen: Theme): void {
  theme.value = chosen;
  remember("theme", chosen);
  applyTheme();
}

export function applyTheme(): void {
  const root = document.documentElement;
  if (theme.value === "system") delete root.dataset.theme;
  else root.dataset.theme = theme.value;
}
