// The cases, then the example: who listens first answers.

import './inside.js';
import './app.js';
