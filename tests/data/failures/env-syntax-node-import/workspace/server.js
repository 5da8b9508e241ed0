import http from 'http';
