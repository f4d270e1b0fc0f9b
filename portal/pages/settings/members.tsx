import { useState } from "preact/hooks";
import type { Invitation, Member } from "../../../sdk/index.ts";
import { compute } from "../../api/session.ts";
import { usePages } from "../../api/use-pages.ts";
import { mayI, me } from "../../api/whoami.ts";
import { Card, Code, Empty } from "../../ui/blocks.tsx";
import { Button } from "../../ui/button.tsx";
import { confirm, Dialog } from "../../ui/dialog.tsx";
import { Field } from "../../ui/field.tsx";
import { Form, textOf } from "../../ui/form.tsx";
import { PagedTable } from "../../ui/list.tsx";
import { Ago } from "../../ui/time.tsx";
import { sayInToast, toast } from "../../ui/toast.tsx";

type Role = Member["role"];
const ROLES: readonly { role: Role; may: string }[] = [
  { role: "viewer", may: "sees everything, changes nothing" },
  { role: "member", may: "runs jobs and nodes of their own" },
  { role: "admin", may: "also changes what belongs to others, and invites people" },
  { role: "owner", may: "everything" },
];

/** The people of the business. */
export function Members() {
  const [isInviting, setIsInviting] = useState(false);
  const mayChange = mayI("members.change");
  const members = usePages(
    "members",
    async (cursor) => {
      const { members: rows, nextCursor } = await compute.client.call("members.list", { cursor });
      return { rows, nextCursor };
    },
    { topics: ["members"], keyOf: ({ userId }) => userId },
  );
  const columns = [
    { name: "Name", cell: ({ userName, userId }: Member) => <NameOf name={userName} userId={userId} /> },
    { name: "Email", cell: ({ email }: Member) => email ?? <span class="quiet">none</span> },
    {
      name: "Role",
      cell: (member: Member) =>
        mayChange ? <RoleOf member={member} onChanged={members.refresh} /> : member.role,
    },
    {
      name: "Actions",
      isUnnamed: true,
      atEnd: true,
      cell: (member: Member) => mayChange && <Remove member={member} onRemoved={members.refresh} />,
    },
  ];
  const actions = mayChange && (
    <Button look="main" icon="plus" onClick={() => setIsInviting(true)}>
      Invite
    </Button>
  );
  return (
    <div class="stack">
      <Card title="Members" actions={actions} isFlush>
        <PagedTable
          label="Members"
          pages={members}
          columns={columns}
          keyOf={({ userId }) => userId}
          empty={null}
        />
      </Card>
      {mayChange && <Invitations isInviting={isInviting} onInvited={() => setIsInviting(false)} />}
    </div>
  );
}

function NameOf({ name, userId }: { name: string; userId: string }) {
  return (
    <span>
      <strong>{name}</strong>
      {userId === me.value?.userId && <span class="quiet"> (you)</span>}
    </span>
  );
}

function RoleOf({ member, onChanged }: { member: Member; onChanged(): void }) {
  const change = async (role: Role) => {
    try {
      await compute.members.changeRole(member.userId, role);
      toast(`${member.userName} is ${role} now.`);
    } catch (error) {
      sayInToast(error);
    }
    onChanged();
  };
  return (
    <select
      aria-label={`Role of ${member.userName}`}
      value={member.role}
      onChange={(event) => change(event.currentTarget.value as Role)}
    >
      {ROLES.map(({ role }) => (
        <option key={role}>{role}</option>
      ))}
    </select>
  );
}

function Remove({ member, onRemoved }: { member: Member; onRemoved(): void }) {
  const remove = async () => {
    const text = (
      <p>
        The sessions, API keys and nodes of <strong>{member.userName}</strong> in this business end, and their
        schedules no longer fire. Their jobs stay.
      </p>
    );
    const question = { title: "Remove this person?", text, yes: "Remove", isBad: true };
    if (!(await confirm(question))) return;
    await compute.members.remove(member.userId);
    toast(`${member.userName} is removed.`);
    onRemoved();
  };
  return (
    <Button look="bad" onClick={remove} label={`Remove ${member.userName}`}>
      Remove
    </Button>
  );
}

function Invitations({ isInviting, onInvited }: { isInviting: boolean; onInvited(): void }) {
  const pages = usePages(
    "invitations",
    async (cursor) => {
      const { invitations: rows, nextCursor } = await compute.client.call("members.invitations", { cursor });
      return { rows, nextCursor };
    },
    { topics: ["members"], keyOf: ({ invitationId }) => invitationId },
  );
  const revoke = async ({ invitationId }: Invitation) => {
    await compute.members.revokeInvitation(invitationId);
    toast("The link is useless now.");
    pages.refresh();
  };
  const columns = [
    { name: "For", cell: ({ email }: Invitation) => email ?? "anyone with the link" },
    { name: "Role", cell: ({ role }: Invitation) => role },
    { name: "Invited by", cell: ({ invitedBy }: Invitation) => invitedBy },
    { name: "Expires", cell: ({ expiresAt }: Invitation) => <Ago at={expiresAt} /> },
    {
      name: "Actions",
      isUnnamed: true,
      atEnd: true,
      cell: (one: Invitation) => (
        <Button look="bad" onClick={() => revoke(one)}>
          Revoke
        </Button>
      ),
    },
  ];
  return (
    <Card title="Open invitations" isFlush>
      <PagedTable
        label="Open invitations"
        pages={pages}
        columns={columns}
        keyOf={({ invitationId }) => invitationId}
        empty={
          <Empty icon="users" title="Nobody is invited">
            <p class="quiet">
              An invitation is a link with which one person joins. It is valid once, for seven days.
            </p>
          </Empty>
        }
      />
      {isInviting && <Invite onClose={onInvited} onMade={pages.refresh} />}
    </Card>
  );
}

function Invite({ onClose, onMade }: { onClose(): void; onMade(): void }) {
  const [made, setMade] = useState<{ url: string; mailed: boolean; email?: string }>();
  const send = async (fields: FormData) => {
    const email = textOf(fields, "email");
    const role = (textOf(fields, "role") ?? "member") as Role;
    setMade(await compute.members.invite(role, email === undefined ? {} : { email }));
    onMade();
  };
  if (made) {
    return (
      <Dialog title="The invitation" onClose={onClose}>
        <div class="stack">
          <p>
            {made.mailed ? `The link was mailed to ${made.email}. It is also here:` : "Send them this link:"}
          </p>
          <Code text={made.url} label="Copy the link" />
          <p class="quiet">It is valid once, for seven days, and is not shown again.</p>
          <div class="actions">
            <Button look="main" onClick={onClose}>
              Done
            </Button>
          </div>
        </div>
      </Dialog>
    );
  }
  return (
    <Dialog title="Invite somebody" onClose={onClose}>
      <Form yes="Make the invitation" onSend={send} onLeave={onClose}>
        <Field label="Email" hint="If the server sends mail, the link goes there. May stay empty.">
          {(tied) => <input {...tied} name="email" type="email" autoFocus autocomplete="off" />}
        </Field>
        <Field label="Role">
          {(tied) => (
            <select {...tied} name="role">
              {ROLES.map(({ role, may }) => (
                <option key={role} value={role} selected={role === "member"}>
                  {role}: {may}
                </option>
              ))}
            </select>
          )}
        </Field>
      </Form>
    </Dialog>
  );
}
