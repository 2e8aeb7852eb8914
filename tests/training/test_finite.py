"""A loss that is no number stops the training, and says which galaxies it was of."""

import pytest
import torch

from selfsup.training.finite import check_finite


@pytest.mark.promise("numbers")
def test_a_finite_loss_passes_and_another_names_its_galaxies():
    check_finite(torch.tensor(1.0), 3, ["a"])
    ids = [f"galaxy {number}" for number in range(40)]
    with pytest.raises(RuntimeError, match=r"nan at step 3; .*galaxy 0, .*galaxy 31 and 8 more"):
        check_finite(torch.tensor(torch.nan), 3, ids)
