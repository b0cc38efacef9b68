import { text } from "../../text";

const words = text.overview.start;

/** The clients to push with. */
export type Way = "docker" | "podman" | "actions";
export type Step = { name: string; hint: string; command: string; prompt?: string };

type Where = { host: string; user: string; image: string };

/** The commands, or the workflow, for a push. */
export function stepsOf(way: Way, { host, user, image }: Where): Step[] {
  if (way === "actions") {
    const command = workflow(host, user, image);
    return [{ name: words.workflow, hint: words.workflowHint, command, prompt: "" }];
  }
  return [
    { name: words.login, hint: words.loginHint, command: `${way} login ${host} -u ${user}` },
    { name: words.tag, hint: words.tagHint, command: `${way} tag alpine:3.22 ${image}` },
    { name: words.push, hint: words.pushHint, command: `${way} push ${image}` },
  ];
}

const workflow = (host: string, user: string, image: string) => `- uses: docker/login-action@v3
  with:
    registry: ${host}
    username: ${user}
    password: \${{ secrets.REFITY_TOKEN }}
- uses: docker/build-push-action@v6
  with:
    push: true
    tags: ${image}`;
