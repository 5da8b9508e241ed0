import { log } from './Utils/logger.js';
