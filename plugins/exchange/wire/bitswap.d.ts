import type { Codec, DecodeOptions } from 'protons-runtime';
import type { Uint8ArrayList } from 'uint8arraylist';
export interface Message {
    wantlist?: Wantlist;
    blocks: Block[];
    presences: Presence[];
}
export declare namespace Message {
    const codec: () => Codec<Message>;
    interface MessageWantlistEntriesCidFieldEvent {
        field: '$.wantlist.entries[].cid';
        value: Uint8Array<ArrayBuffer>;
        index: number;
    }
    interface MessageWantlistEntriesPriorityFieldEvent {
        field: '$.wantlist.entries[].priority';
        value: number;
        index: number;
    }
    interface MessageWantlistEntriesCancelFieldEvent {
        field: '$.wantlist.entries[].cancel';
        value: boolean;
        index: number;
    }
    interface MessageWantlistEntriesTypeFieldEvent {
        field: '$.wantlist.entries[].type';
        value: WantType;
        index: number;
    }
    interface MessageWantlistEntriesSendDontHaveFieldEvent {
        field: '$.wantlist.entries[].sendDontHave';
        value: boolean;
        index: number;
    }
    interface MessageWantlistFullFieldEvent {
        field: '$.wantlist.full';
        value: boolean;
    }
    interface MessageBlocksPrefixFieldEvent {
        field: '$.blocks[].prefix';
        value: Uint8Array<ArrayBuffer>;
        index: number;
    }
    interface MessageBlocksDataFieldEvent {
        field: '$.blocks[].data';
        value: Uint8Array<ArrayBuffer>;
        index: number;
    }
    interface MessagePresencesCidFieldEvent {
        field: '$.presences[].cid';
        value: Uint8Array<ArrayBuffer>;
        index: number;
    }
    interface MessagePresencesTypeFieldEvent {
        field: '$.presences[].type';
        value: PresenceType;
        index: number;
    }
    function encode(obj: Partial<Message>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Message>): Message;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Message>): Generator<MessageWantlistEntriesCidFieldEvent | MessageWantlistEntriesPriorityFieldEvent | MessageWantlistEntriesCancelFieldEvent | MessageWantlistEntriesTypeFieldEvent | MessageWantlistEntriesSendDontHaveFieldEvent | MessageWantlistFullFieldEvent | MessageBlocksPrefixFieldEvent | MessageBlocksDataFieldEvent | MessagePresencesCidFieldEvent | MessagePresencesTypeFieldEvent>;
}
export interface Wantlist {
    entries: Entry[];
    full: boolean;
}
export declare namespace Wantlist {
    const codec: () => Codec<Wantlist>;
    interface WantlistEntriesCidFieldEvent {
        field: '$.entries[].cid';
        value: Uint8Array<ArrayBuffer>;
        index: number;
    }
    interface WantlistEntriesPriorityFieldEvent {
        field: '$.entries[].priority';
        value: number;
        index: number;
    }
    interface WantlistEntriesCancelFieldEvent {
        field: '$.entries[].cancel';
        value: boolean;
        index: number;
    }
    interface WantlistEntriesTypeFieldEvent {
        field: '$.entries[].type';
        value: WantType;
        index: number;
    }
    interface WantlistEntriesSendDontHaveFieldEvent {
        field: '$.entries[].sendDontHave';
        value: boolean;
        index: number;
    }
    interface WantlistFullFieldEvent {
        field: '$.full';
        value: boolean;
    }
    function encode(obj: Partial<Wantlist>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Wantlist>): Wantlist;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Wantlist>): Generator<WantlistEntriesCidFieldEvent | WantlistEntriesPriorityFieldEvent | WantlistEntriesCancelFieldEvent | WantlistEntriesTypeFieldEvent | WantlistEntriesSendDontHaveFieldEvent | WantlistFullFieldEvent>;
}
export interface Entry {
    cid: Uint8Array<ArrayBuffer>;
    priority: number;
    cancel: boolean;
    type: WantType;
    sendDontHave: boolean;
}
export declare namespace Entry {
    const codec: () => Codec<Entry>;
    interface EntryCidFieldEvent {
        field: '$.cid';
        value: Uint8Array<ArrayBuffer>;
    }
    interface EntryPriorityFieldEvent {
        field: '$.priority';
        value: number;
    }
    interface EntryCancelFieldEvent {
        field: '$.cancel';
        value: boolean;
    }
    interface EntryTypeFieldEvent {
        field: '$.type';
        value: WantType;
    }
    interface EntrySendDontHaveFieldEvent {
        field: '$.sendDontHave';
        value: boolean;
    }
    function encode(obj: Partial<Entry>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Entry>): Entry;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Entry>): Generator<EntryCidFieldEvent | EntryPriorityFieldEvent | EntryCancelFieldEvent | EntryTypeFieldEvent | EntrySendDontHaveFieldEvent>;
}
export declare enum WantType {
    BLOCK = "BLOCK",
    HAVE = "HAVE"
}
export declare namespace WantType {
    const codec: () => Codec<WantType>;
}
export interface Block {
    prefix: Uint8Array<ArrayBuffer>;
    data: Uint8Array<ArrayBuffer>;
}
export declare namespace Block {
    const codec: () => Codec<Block>;
    interface BlockPrefixFieldEvent {
        field: '$.prefix';
        value: Uint8Array<ArrayBuffer>;
    }
    interface BlockDataFieldEvent {
        field: '$.data';
        value: Uint8Array<ArrayBuffer>;
    }
    function encode(obj: Partial<Block>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Block>): Block;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Block>): Generator<BlockPrefixFieldEvent | BlockDataFieldEvent>;
}
export interface Presence {
    cid: Uint8Array<ArrayBuffer>;
    type: PresenceType;
}
export declare namespace Presence {
    const codec: () => Codec<Presence>;
    interface PresenceCidFieldEvent {
        field: '$.cid';
        value: Uint8Array<ArrayBuffer>;
    }
    interface PresenceTypeFieldEvent {
        field: '$.type';
        value: PresenceType;
    }
    function encode(obj: Partial<Presence>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Presence>): Presence;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Presence>): Generator<PresenceCidFieldEvent | PresenceTypeFieldEvent>;
}
export declare enum PresenceType {
    HELD = "HELD",
    MISSING = "MISSING"
}
export declare namespace PresenceType {
    const codec: () => Codec<PresenceType>;
}
