"""musubi (結び): ties the members of an online shop to their LINE friends and sends each the right message once."""
