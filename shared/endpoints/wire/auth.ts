import { defineWire } from "./wire-row.ts";

export const authWire = defineWire({
  "auth.refresh": {
    method: "POST",
    path: "/api/compute/auth/refresh",
    callers: ["anyone"],
    errors: [],
    repeatable: true,
  },
  "auth.logout": {
    method: "POST",
    path: "/api/compute/auth/logout",
    callers: ["user"],
    errors: [],
    repeatable: true,
  },
  "auth.whoami": {
    method: "POST",
    path: "/api/compute/auth/whoami",
    callers: ["user"],
    errors: [],
    repeatable: true,
  },
  "auth.businesses": {
    method: "POST",
    path: "/api/compute/auth/businesses",
    callers: ["user"],
    errors: [],
    repeatable: true,
  },
  "auth.switch": {
    method: "POST",
    path: "/api/compute/auth/switch",
    callers: ["anyone"],
    errors: ["not_found"],
    repeatable: false,
  },
  "auth.request-otp": {
    method: "POST",
    path: "/api/auth/request-otp",
    callers: ["anyone"],
    errors: [],
    repeatable: false,
  },
  "auth.verify-otp": {
    method: "POST",
    path: "/api/auth/verify-otp",
    callers: ["anyone"],
    errors: ["conflict"],
    repeatable: false,
  },
  "auth.account": {
    method: "POST",
    path: "/api/compute/auth/account",
    callers: ["user"],
    errors: [],
    repeatable: true,
  },
  "auth.set-password": {
    method: "POST",
    path: "/api/compute/auth/set-password",
    callers: ["user"],
    errors: [],
    repeatable: false,
  },
  "auth.set-email": {
    method: "POST",
    path: "/api/compute/auth/set-email",
    callers: ["user"],
    errors: ["conflict"],
    repeatable: true,
  },
});
