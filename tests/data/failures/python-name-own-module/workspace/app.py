from shop.models import Invoice
