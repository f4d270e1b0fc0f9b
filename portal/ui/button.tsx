import type { ButtonHTMLAttributes, ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { Icon, type IconName } from "./icon.tsx";
import { sayInToast } from "./toast.tsx";

export type ButtonLook = "main" | "bad" | "plain";

interface ButtonProps extends Omit<ButtonHTMLAttributes, "icon" | "onClick"> {
  look?: ButtonLook;
  icon?: IconName;
  /** Needed if there is no text: what it does, read aloud and shown on hover. */
  label?: string;
  children?: ComponentChildren;
  /** While a promise that it returns is open, the button is busy; if it fails, a message says why. */
  onClick?: (event: MouseEvent) => unknown;
}

export function Button({
  look,
  icon,
  label,
  children,
  onClick,
  disabled,
  class: more,
  ...rest
}: ButtonProps) {
  const [isBusy, setIsBusy] = useState(false);
  const press = async (event: MouseEvent) => {
    setIsBusy(true);
    try {
      await onClick?.(event);
    } catch (error) {
      sayInToast(error);
    } finally {
      setIsBusy(false);
    }
  };
  const isIconOnly = children === undefined;
  return (
    <button
      type="button"
      class={`button ${look ?? ""} ${isIconOnly ? "icon-only" : ""} ${more ?? ""}`}
      disabled={disabled || isBusy}
      aria-busy={isBusy}
      aria-label={label}
      title={label}
      onClick={onClick ? press : undefined}
      {...rest}
    >
      {icon && <Icon name={icon} />}
      {children}
    </button>
  );
}
