/** All texts of the interface, by page. */
import { access } from "./access";
import { audit } from "./audit";
import { diff } from "./diff";
import { group } from "./group";
import { groups } from "./groups";
import { image } from "./image";
import { overview } from "./overview";
import { palette } from "./palette";
import { removal } from "./removal";
import { repository } from "./repository";
import { settings } from "./settings";
import { shared } from "./shared";
import { shell } from "./shell";
import { signIn } from "./signIn";
import { storage } from "./storage";
import { transfers } from "./transfers";
import { users } from "./users";

const en = {
  access,
  audit,
  diff,
  group,
  groups,
  image,
  overview,
  palette,
  removal,
  repository,
  settings,
  shared,
  shell,
  signIn,
  storage,
  transfers,
  users,
};

export type Text = typeof en;
export const text: Text = en;
