fetch('https://localhost:8443/');
