import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

const { ISSUER = 'http://localhost:8080', APP_URL = 'http://localhost:3000' } = process.env;

export default defineConfig({
  plugins: [react()],
  define: { ISSUER: JSON.stringify(ISSUER) },
  // The SDK is linked from packages/sdk, which has a React for its own tests.
  resolve: { dedupe: ['react', 'react-dom'] },
  build: { outDir: 'dist', sourcemap: true },
  preview: {
    host: 'localhost',
    port: Number(new URL(APP_URL).port || 80),
    strictPort: true,
    headers: {
      'content-security-policy':
        `default-src 'self'; connect-src ${ISSUER}; img-src https: data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`,
      'referrer-policy': 'same-origin',
    },
  },
});
