require('react-dom/server');
