"""What the tests share: tables of cases, and helpers that compare with live PyTorch."""
