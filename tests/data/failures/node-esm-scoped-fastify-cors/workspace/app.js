import cors from '@fastify/cors';
