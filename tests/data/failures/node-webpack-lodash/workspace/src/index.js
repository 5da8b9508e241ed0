import { debounce } from 'lodash';
console.log(debounce);
