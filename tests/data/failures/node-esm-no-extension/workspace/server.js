import { log } from './utils/logger';
