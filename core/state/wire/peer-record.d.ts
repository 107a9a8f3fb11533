import type { Codec, DecodeOptions } from 'protons-runtime';
import type { Uint8ArrayList } from 'uint8arraylist';
export interface StoredPeer {
    rank: bigint;
    lastSeenMs: bigint;
    foundBy: string;
    addresses: string[];
    agent: string;
    evidence: StoredCount[];
}
export declare namespace StoredPeer {
    const codec: () => Codec<StoredPeer>;
    interface StoredPeerRankFieldEvent {
        field: '$.rank';
        value: bigint;
    }
    interface StoredPeerLastSeenMsFieldEvent {
        field: '$.lastSeenMs';
        value: bigint;
    }
    interface StoredPeerFoundByFieldEvent {
        field: '$.foundBy';
        value: string;
    }
    interface StoredPeerAddressesFieldEvent {
        field: '$.addresses[]';
        index: number;
        value: string;
    }
    interface StoredPeerAgentFieldEvent {
        field: '$.agent';
        value: string;
    }
    interface StoredPeerEvidenceKindFieldEvent {
        field: '$.evidence[].kind';
        value: string;
        index: number;
    }
    interface StoredPeerEvidenceCountFieldEvent {
        field: '$.evidence[].count';
        value: bigint;
        index: number;
    }
    function encode(obj: Partial<StoredPeer>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<StoredPeer>): StoredPeer;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<StoredPeer>): Generator<StoredPeerRankFieldEvent | StoredPeerLastSeenMsFieldEvent | StoredPeerFoundByFieldEvent | StoredPeerAddressesFieldEvent | StoredPeerAgentFieldEvent | StoredPeerEvidenceKindFieldEvent | StoredPeerEvidenceCountFieldEvent>;
}
export interface StoredCount {
    kind: string;
    count: bigint;
}
export declare namespace StoredCount {
    const codec: () => Codec<StoredCount>;
    interface StoredCountKindFieldEvent {
        field: '$.kind';
        value: string;
    }
    interface StoredCountCountFieldEvent {
        field: '$.count';
        value: bigint;
    }
    function encode(obj: Partial<StoredCount>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<StoredCount>): StoredCount;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<StoredCount>): Generator<StoredCountKindFieldEvent | StoredCountCountFieldEvent>;
}
export interface StoredTags {
    tags: StoredTag[];
}
export declare namespace StoredTags {
    const codec: () => Codec<StoredTags>;
    interface StoredTagsTagsNameFieldEvent {
        field: '$.tags[].name';
        value: string;
        index: number;
    }
    interface StoredTagsTagsValueFieldEvent {
        field: '$.tags[].value';
        value: number;
        index: number;
    }
    function encode(obj: Partial<StoredTags>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<StoredTags>): StoredTags;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<StoredTags>): Generator<StoredTagsTagsNameFieldEvent | StoredTagsTagsValueFieldEvent>;
}
export interface StoredTag {
    name: string;
    value: number;
}
export declare namespace StoredTag {
    const codec: () => Codec<StoredTag>;
    interface StoredTagNameFieldEvent {
        field: '$.name';
        value: string;
    }
    interface StoredTagValueFieldEvent {
        field: '$.value';
        value: number;
    }
    function encode(obj: Partial<StoredTag>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<StoredTag>): StoredTag;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<StoredTag>): Generator<StoredTagNameFieldEvent | StoredTagValueFieldEvent>;
}
