import { sha256 } from '@noble/hashes/sha256';
