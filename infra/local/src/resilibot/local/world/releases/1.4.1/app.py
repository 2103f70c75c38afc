"""checkout 1.4.1: prices a basket."""

PRICES = {"apple": 40, "bread": 250, "cheese": 620, "dates": 310}
DISCOUNTS = {"member": 10, "guest": 0}


def checkout(basket: list[str], customer: str) -> int:
    """The total in cents."""
    total = sum(PRICES[item] for item in basket)
    return total - total * DISCOUNTS[customer] // 100
