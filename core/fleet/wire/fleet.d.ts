import type { Codec, DecodeOptions } from 'protons-runtime';
import type { Uint8ArrayList } from 'uint8arraylist';
export interface Charter {
    owner: Uint8Array<ArrayBuffer>;
    term: bigint;
    name: string;
    operators: Uint8Array<ArrayBuffer>[];
    edits: EditCount[];
}
export declare namespace Charter {
    const codec: () => Codec<Charter>;
    interface CharterOwnerFieldEvent {
        field: '$.owner';
        value: Uint8Array<ArrayBuffer>;
    }
    interface CharterTermFieldEvent {
        field: '$.term';
        value: bigint;
    }
    interface CharterNameFieldEvent {
        field: '$.name';
        value: string;
    }
    interface CharterOperatorsFieldEvent {
        field: '$.operators[]';
        index: number;
        value: Uint8Array<ArrayBuffer>;
    }
    interface CharterEditsEditorFieldEvent {
        field: '$.edits[].editor';
        value: Uint8Array<ArrayBuffer>;
        index: number;
    }
    interface CharterEditsCountFieldEvent {
        field: '$.edits[].count';
        value: bigint;
        index: number;
    }
    function encode(obj: Partial<Charter>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Charter>): Charter;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Charter>): Generator<CharterOwnerFieldEvent | CharterTermFieldEvent | CharterNameFieldEvent | CharterOperatorsFieldEvent | CharterEditsEditorFieldEvent | CharterEditsCountFieldEvent>;
}
export interface Roster {
    charter: Uint8Array<ArrayBuffer>;
    charterSignature: Uint8Array<ArrayBuffer>;
    version: bigint;
    members: Member[];
    removed: Uint8Array<ArrayBuffer>[];
    edits: EditCount[];
}
export declare namespace Roster {
    const codec: () => Codec<Roster>;
    interface RosterCharterFieldEvent {
        field: '$.charter';
        value: Uint8Array<ArrayBuffer>;
    }
    interface RosterCharterSignatureFieldEvent {
        field: '$.charterSignature';
        value: Uint8Array<ArrayBuffer>;
    }
    interface RosterVersionFieldEvent {
        field: '$.version';
        value: bigint;
    }
    interface RosterMembersKeyFieldEvent {
        field: '$.members[].key';
        value: Uint8Array<ArrayBuffer>;
        index: number;
    }
    interface RosterMembersNameFieldEvent {
        field: '$.members[].name';
        value: string;
        index: number;
    }
    interface RosterMembersJoinedMsFieldEvent {
        field: '$.members[].joinedMs';
        value: bigint;
        index: number;
    }
    interface RosterRemovedFieldEvent {
        field: '$.removed[]';
        index: number;
        value: Uint8Array<ArrayBuffer>;
    }
    interface RosterEditsEditorFieldEvent {
        field: '$.edits[].editor';
        value: Uint8Array<ArrayBuffer>;
        index: number;
    }
    interface RosterEditsCountFieldEvent {
        field: '$.edits[].count';
        value: bigint;
        index: number;
    }
    function encode(obj: Partial<Roster>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Roster>): Roster;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Roster>): Generator<RosterCharterFieldEvent | RosterCharterSignatureFieldEvent | RosterVersionFieldEvent | RosterMembersKeyFieldEvent | RosterMembersNameFieldEvent | RosterMembersJoinedMsFieldEvent | RosterRemovedFieldEvent | RosterEditsEditorFieldEvent | RosterEditsCountFieldEvent>;
}
export interface Member {
    key: Uint8Array<ArrayBuffer>;
    name: string;
    joinedMs: bigint;
}
export declare namespace Member {
    const codec: () => Codec<Member>;
    interface MemberKeyFieldEvent {
        field: '$.key';
        value: Uint8Array<ArrayBuffer>;
    }
    interface MemberNameFieldEvent {
        field: '$.name';
        value: string;
    }
    interface MemberJoinedMsFieldEvent {
        field: '$.joinedMs';
        value: bigint;
    }
    function encode(obj: Partial<Member>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Member>): Member;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Member>): Generator<MemberKeyFieldEvent | MemberNameFieldEvent | MemberJoinedMsFieldEvent>;
}
export interface EditCount {
    editor: Uint8Array<ArrayBuffer>;
    count: bigint;
}
export declare namespace EditCount {
    const codec: () => Codec<EditCount>;
    interface EditCountEditorFieldEvent {
        field: '$.editor';
        value: Uint8Array<ArrayBuffer>;
    }
    interface EditCountCountFieldEvent {
        field: '$.count';
        value: bigint;
    }
    function encode(obj: Partial<EditCount>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<EditCount>): EditCount;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<EditCount>): Generator<EditCountEditorFieldEvent | EditCountCountFieldEvent>;
}
export interface SignedRoster {
    roster: Uint8Array<ArrayBuffer>;
    signer: Uint8Array<ArrayBuffer>;
    signature: Uint8Array<ArrayBuffer>;
}
export declare namespace SignedRoster {
    const codec: () => Codec<SignedRoster>;
    interface SignedRosterRosterFieldEvent {
        field: '$.roster';
        value: Uint8Array<ArrayBuffer>;
    }
    interface SignedRosterSignerFieldEvent {
        field: '$.signer';
        value: Uint8Array<ArrayBuffer>;
    }
    interface SignedRosterSignatureFieldEvent {
        field: '$.signature';
        value: Uint8Array<ArrayBuffer>;
    }
    function encode(obj: Partial<SignedRoster>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<SignedRoster>): SignedRoster;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<SignedRoster>): Generator<SignedRosterRosterFieldEvent | SignedRosterSignerFieldEvent | SignedRosterSignatureFieldEvent>;
}
export interface RosterHead {
    owner: Uint8Array<ArrayBuffer>;
    term: bigint;
    version: bigint;
    hash: Uint8Array<ArrayBuffer>;
}
export declare namespace RosterHead {
    const codec: () => Codec<RosterHead>;
    interface RosterHeadOwnerFieldEvent {
        field: '$.owner';
        value: Uint8Array<ArrayBuffer>;
    }
    interface RosterHeadTermFieldEvent {
        field: '$.term';
        value: bigint;
    }
    interface RosterHeadVersionFieldEvent {
        field: '$.version';
        value: bigint;
    }
    interface RosterHeadHashFieldEvent {
        field: '$.hash';
        value: Uint8Array<ArrayBuffer>;
    }
    function encode(obj: Partial<RosterHead>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<RosterHead>): RosterHead;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<RosterHead>): Generator<RosterHeadOwnerFieldEvent | RosterHeadTermFieldEvent | RosterHeadVersionFieldEvent | RosterHeadHashFieldEvent>;
}
export interface FleetRequest {
    head?: RosterHead;
    roster: Uint8Array<ArrayBuffer>;
    leaving: boolean;
}
export declare namespace FleetRequest {
    const codec: () => Codec<FleetRequest>;
    interface FleetRequestHeadOwnerFieldEvent {
        field: '$.head.owner';
        value: Uint8Array<ArrayBuffer>;
    }
    interface FleetRequestHeadTermFieldEvent {
        field: '$.head.term';
        value: bigint;
    }
    interface FleetRequestHeadVersionFieldEvent {
        field: '$.head.version';
        value: bigint;
    }
    interface FleetRequestHeadHashFieldEvent {
        field: '$.head.hash';
        value: Uint8Array<ArrayBuffer>;
    }
    interface FleetRequestRosterFieldEvent {
        field: '$.roster';
        value: Uint8Array<ArrayBuffer>;
    }
    interface FleetRequestLeavingFieldEvent {
        field: '$.leaving';
        value: boolean;
    }
    function encode(obj: Partial<FleetRequest>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<FleetRequest>): FleetRequest;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<FleetRequest>): Generator<FleetRequestHeadOwnerFieldEvent | FleetRequestHeadTermFieldEvent | FleetRequestHeadVersionFieldEvent | FleetRequestHeadHashFieldEvent | FleetRequestRosterFieldEvent | FleetRequestLeavingFieldEvent>;
}
export interface FleetResponse {
    head?: RosterHead;
    roster: Uint8Array<ArrayBuffer>;
}
export declare namespace FleetResponse {
    const codec: () => Codec<FleetResponse>;
    interface FleetResponseHeadOwnerFieldEvent {
        field: '$.head.owner';
        value: Uint8Array<ArrayBuffer>;
    }
    interface FleetResponseHeadTermFieldEvent {
        field: '$.head.term';
        value: bigint;
    }
    interface FleetResponseHeadVersionFieldEvent {
        field: '$.head.version';
        value: bigint;
    }
    interface FleetResponseHeadHashFieldEvent {
        field: '$.head.hash';
        value: Uint8Array<ArrayBuffer>;
    }
    interface FleetResponseRosterFieldEvent {
        field: '$.roster';
        value: Uint8Array<ArrayBuffer>;
    }
    function encode(obj: Partial<FleetResponse>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<FleetResponse>): FleetResponse;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<FleetResponse>): Generator<FleetResponseHeadOwnerFieldEvent | FleetResponseHeadTermFieldEvent | FleetResponseHeadVersionFieldEvent | FleetResponseHeadHashFieldEvent | FleetResponseRosterFieldEvent>;
}
export interface InviteText {
    seed: Uint8Array<ArrayBuffer>;
    owner: Uint8Array<ArrayBuffer>;
    host: Uint8Array<ArrayBuffer>;
    addresses: Uint8Array<ArrayBuffer>[];
    expiresMs: bigint;
    fleet: string;
}
export declare namespace InviteText {
    const codec: () => Codec<InviteText>;
    interface InviteTextSeedFieldEvent {
        field: '$.seed';
        value: Uint8Array<ArrayBuffer>;
    }
    interface InviteTextOwnerFieldEvent {
        field: '$.owner';
        value: Uint8Array<ArrayBuffer>;
    }
    interface InviteTextHostFieldEvent {
        field: '$.host';
        value: Uint8Array<ArrayBuffer>;
    }
    interface InviteTextAddressesFieldEvent {
        field: '$.addresses[]';
        index: number;
        value: Uint8Array<ArrayBuffer>;
    }
    interface InviteTextExpiresMsFieldEvent {
        field: '$.expiresMs';
        value: bigint;
    }
    interface InviteTextFleetFieldEvent {
        field: '$.fleet';
        value: string;
    }
    function encode(obj: Partial<InviteText>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<InviteText>): InviteText;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<InviteText>): Generator<InviteTextSeedFieldEvent | InviteTextOwnerFieldEvent | InviteTextHostFieldEvent | InviteTextAddressesFieldEvent | InviteTextExpiresMsFieldEvent | InviteTextFleetFieldEvent>;
}
export interface JoinRequest {
    invite: Uint8Array<ArrayBuffer>;
    name: string;
    proof: Uint8Array<ArrayBuffer>;
}
export declare namespace JoinRequest {
    const codec: () => Codec<JoinRequest>;
    interface JoinRequestInviteFieldEvent {
        field: '$.invite';
        value: Uint8Array<ArrayBuffer>;
    }
    interface JoinRequestNameFieldEvent {
        field: '$.name';
        value: string;
    }
    interface JoinRequestProofFieldEvent {
        field: '$.proof';
        value: Uint8Array<ArrayBuffer>;
    }
    function encode(obj: Partial<JoinRequest>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<JoinRequest>): JoinRequest;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<JoinRequest>): Generator<JoinRequestInviteFieldEvent | JoinRequestNameFieldEvent | JoinRequestProofFieldEvent>;
}
export interface JoinResponse {
    roster: Uint8Array<ArrayBuffer>;
    refusal: string;
}
export declare namespace JoinResponse {
    const codec: () => Codec<JoinResponse>;
    interface JoinResponseRosterFieldEvent {
        field: '$.roster';
        value: Uint8Array<ArrayBuffer>;
    }
    interface JoinResponseRefusalFieldEvent {
        field: '$.refusal';
        value: string;
    }
    function encode(obj: Partial<JoinResponse>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<JoinResponse>): JoinResponse;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<JoinResponse>): Generator<JoinResponseRosterFieldEvent | JoinResponseRefusalFieldEvent>;
}
export interface StoredFleet {
    roster: Uint8Array<ArrayBuffer>;
    edits: StoredEdit[];
    invites: StoredInvite[];
}
export declare namespace StoredFleet {
    const codec: () => Codec<StoredFleet>;
    interface StoredFleetRosterFieldEvent {
        field: '$.roster';
        value: Uint8Array<ArrayBuffer>;
    }
    interface StoredFleetEditsCountFieldEvent {
        field: '$.edits[].count';
        value: bigint;
        index: number;
    }
    interface StoredFleetEditsKindFieldEvent {
        field: '$.edits[].kind';
        value: string;
        index: number;
    }
    interface StoredFleetEditsKeyFieldEvent {
        field: '$.edits[].key';
        value: Uint8Array<ArrayBuffer>;
        index: number;
    }
    interface StoredFleetEditsNameFieldEvent {
        field: '$.edits[].name';
        value: string;
        index: number;
    }
    interface StoredFleetEditsJoinedMsFieldEvent {
        field: '$.edits[].joinedMs';
        value: bigint;
        index: number;
    }
    interface StoredFleetInvitesKeyFieldEvent {
        field: '$.invites[].key';
        value: Uint8Array<ArrayBuffer>;
        index: number;
    }
    interface StoredFleetInvitesCreatedMsFieldEvent {
        field: '$.invites[].createdMs';
        value: bigint;
        index: number;
    }
    interface StoredFleetInvitesExpiresMsFieldEvent {
        field: '$.invites[].expiresMs';
        value: bigint;
        index: number;
    }
    interface StoredFleetInvitesNameFieldEvent {
        field: '$.invites[].name';
        value: string;
        index: number;
    }
    interface StoredFleetInvitesUsedByFieldEvent {
        field: '$.invites[].usedBy';
        value: Uint8Array<ArrayBuffer>;
        index: number;
    }
    interface StoredFleetInvitesMakerFieldEvent {
        field: '$.invites[].maker';
        value: Uint8Array<ArrayBuffer>;
        index: number;
    }
    function encode(obj: Partial<StoredFleet>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<StoredFleet>): StoredFleet;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<StoredFleet>): Generator<StoredFleetRosterFieldEvent | StoredFleetEditsCountFieldEvent | StoredFleetEditsKindFieldEvent | StoredFleetEditsKeyFieldEvent | StoredFleetEditsNameFieldEvent | StoredFleetEditsJoinedMsFieldEvent | StoredFleetInvitesKeyFieldEvent | StoredFleetInvitesCreatedMsFieldEvent | StoredFleetInvitesExpiresMsFieldEvent | StoredFleetInvitesNameFieldEvent | StoredFleetInvitesUsedByFieldEvent | StoredFleetInvitesMakerFieldEvent>;
}
export interface StoredEdit {
    count: bigint;
    kind: string;
    key: Uint8Array<ArrayBuffer>;
    name: string;
    joinedMs: bigint;
}
export declare namespace StoredEdit {
    const codec: () => Codec<StoredEdit>;
    interface StoredEditCountFieldEvent {
        field: '$.count';
        value: bigint;
    }
    interface StoredEditKindFieldEvent {
        field: '$.kind';
        value: string;
    }
    interface StoredEditKeyFieldEvent {
        field: '$.key';
        value: Uint8Array<ArrayBuffer>;
    }
    interface StoredEditNameFieldEvent {
        field: '$.name';
        value: string;
    }
    interface StoredEditJoinedMsFieldEvent {
        field: '$.joinedMs';
        value: bigint;
    }
    function encode(obj: Partial<StoredEdit>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<StoredEdit>): StoredEdit;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<StoredEdit>): Generator<StoredEditCountFieldEvent | StoredEditKindFieldEvent | StoredEditKeyFieldEvent | StoredEditNameFieldEvent | StoredEditJoinedMsFieldEvent>;
}
export interface StoredInvite {
    key: Uint8Array<ArrayBuffer>;
    createdMs: bigint;
    expiresMs: bigint;
    name: string;
    usedBy: Uint8Array<ArrayBuffer>;
    maker: Uint8Array<ArrayBuffer>;
}
export declare namespace StoredInvite {
    const codec: () => Codec<StoredInvite>;
    interface StoredInviteKeyFieldEvent {
        field: '$.key';
        value: Uint8Array<ArrayBuffer>;
    }
    interface StoredInviteCreatedMsFieldEvent {
        field: '$.createdMs';
        value: bigint;
    }
    interface StoredInviteExpiresMsFieldEvent {
        field: '$.expiresMs';
        value: bigint;
    }
    interface StoredInviteNameFieldEvent {
        field: '$.name';
        value: string;
    }
    interface StoredInviteUsedByFieldEvent {
        field: '$.usedBy';
        value: Uint8Array<ArrayBuffer>;
    }
    interface StoredInviteMakerFieldEvent {
        field: '$.maker';
        value: Uint8Array<ArrayBuffer>;
    }
    function encode(obj: Partial<StoredInvite>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<StoredInvite>): StoredInvite;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<StoredInvite>): Generator<StoredInviteKeyFieldEvent | StoredInviteCreatedMsFieldEvent | StoredInviteExpiresMsFieldEvent | StoredInviteNameFieldEvent | StoredInviteUsedByFieldEvent | StoredInviteMakerFieldEvent>;
}
