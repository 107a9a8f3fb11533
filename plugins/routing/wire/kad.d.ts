import type { Codec, DecodeOptions } from 'protons-runtime';
import type { Uint8ArrayList } from 'uint8arraylist';
export interface KadMessage {
    type: number;
    key: Uint8Array<ArrayBuffer>;
    providers: KadPeer[];
}
export declare namespace KadMessage {
    const codec: () => Codec<KadMessage>;
    interface KadMessageTypeFieldEvent {
        field: '$.type';
        value: number;
    }
    interface KadMessageKeyFieldEvent {
        field: '$.key';
        value: Uint8Array<ArrayBuffer>;
    }
    interface KadMessageProvidersIdFieldEvent {
        field: '$.providers[].id';
        value: Uint8Array<ArrayBuffer>;
        index: number;
    }
    interface KadMessageProvidersMultiaddrsFieldEvent {
        field: '$.providers[].multiaddrs[]';
        index: number;
        value: Uint8Array<ArrayBuffer>;
    }
    function encode(obj: Partial<KadMessage>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<KadMessage>): KadMessage;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<KadMessage>): Generator<KadMessageTypeFieldEvent | KadMessageKeyFieldEvent | KadMessageProvidersIdFieldEvent | KadMessageProvidersMultiaddrsFieldEvent>;
}
export interface KadPeer {
    id: Uint8Array<ArrayBuffer>;
    multiaddrs: Uint8Array<ArrayBuffer>[];
}
export declare namespace KadPeer {
    const codec: () => Codec<KadPeer>;
    interface KadPeerIdFieldEvent {
        field: '$.id';
        value: Uint8Array<ArrayBuffer>;
    }
    interface KadPeerMultiaddrsFieldEvent {
        field: '$.multiaddrs[]';
        index: number;
        value: Uint8Array<ArrayBuffer>;
    }
    function encode(obj: Partial<KadPeer>): Uint8Array<ArrayBuffer>;
    function decode(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<KadPeer>): KadPeer;
    function stream(buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<KadPeer>): Generator<KadPeerIdFieldEvent | KadPeerMultiaddrsFieldEvent>;
}
