import { db } from '@app/db.js';
console.log(db);
