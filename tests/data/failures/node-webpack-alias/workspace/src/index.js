import Button from '@/components/Button';
console.log(Button);
