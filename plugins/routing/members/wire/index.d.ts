import type { Codec, DecodeOptions } from 'protons-runtime';
import type { Uint8ArrayList } from 'uint8arraylist';
export interface Subscribe {
    epoch: Uint8Array<ArrayBuffer>;
    sequence: number;
    maxBlocks: number;
}
export declare namespace Subscribe {
    const codec: () => Codec<Subscribe>;
    interface SubscribeEpochFieldEvent {
        field: '$.epoch';
        value: Uint8Array<ArrayBuffer>;
    }
    interface SubscribeSequenceFieldEvent {
        field: '$.sequence';
        value: number;
    }
    interface SubscribeMaxBlocksFieldEvent {
        field: '$.maxBlocks';
        value: number;
    }
    function encode(obj: Partial<Subscribe>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Subscribe>): Subscribe;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Subscribe>): Generator<SubscribeEpochFieldEvent | SubscribeSequenceFieldEvent | SubscribeMaxBlocksFieldEvent>;
}
export interface Update {
    start?: Start;
    sequence: number;
    added: Uint8Array<ArrayBuffer>;
    removed: Uint8Array<ArrayBuffer>;
    complete: boolean;
}
export declare namespace Update {
    const codec: () => Codec<Update>;
    interface UpdateStartEpochFieldEvent {
        field: '$.start.epoch';
        value: Uint8Array<ArrayBuffer>;
    }
    interface UpdateStartSequenceFieldEvent {
        field: '$.start.sequence';
        value: number;
    }
    interface UpdateStartSnapshotFieldEvent {
        field: '$.start.snapshot';
        value: boolean;
    }
    interface UpdateStartBlocksFieldEvent {
        field: '$.start.blocks';
        value: number;
    }
    interface UpdateSequenceFieldEvent {
        field: '$.sequence';
        value: number;
    }
    interface UpdateAddedFieldEvent {
        field: '$.added';
        value: Uint8Array<ArrayBuffer>;
    }
    interface UpdateRemovedFieldEvent {
        field: '$.removed';
        value: Uint8Array<ArrayBuffer>;
    }
    interface UpdateCompleteFieldEvent {
        field: '$.complete';
        value: boolean;
    }
    function encode(obj: Partial<Update>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Update>): Update;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Update>): Generator<UpdateStartEpochFieldEvent | UpdateStartSequenceFieldEvent | UpdateStartSnapshotFieldEvent | UpdateStartBlocksFieldEvent | UpdateSequenceFieldEvent | UpdateAddedFieldEvent | UpdateRemovedFieldEvent | UpdateCompleteFieldEvent>;
}
export interface Start {
    epoch: Uint8Array<ArrayBuffer>;
    sequence: number;
    snapshot: boolean;
    blocks: number;
}
export declare namespace Start {
    const codec: () => Codec<Start>;
    interface StartEpochFieldEvent {
        field: '$.epoch';
        value: Uint8Array<ArrayBuffer>;
    }
    interface StartSequenceFieldEvent {
        field: '$.sequence';
        value: number;
    }
    interface StartSnapshotFieldEvent {
        field: '$.snapshot';
        value: boolean;
    }
    interface StartBlocksFieldEvent {
        field: '$.blocks';
        value: number;
    }
    function encode(obj: Partial<Start>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Start>): Start;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Start>): Generator<StartEpochFieldEvent | StartSequenceFieldEvent | StartSnapshotFieldEvent | StartBlocksFieldEvent>;
}
