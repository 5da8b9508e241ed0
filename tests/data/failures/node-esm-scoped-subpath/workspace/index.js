import './src/hash.js';
