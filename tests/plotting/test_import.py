import subprocess
import sys
from pathlib import Path

import skmixmate


def test_import_leaves_matplotlib_alone():
    code = "import sys, skmixmate.plotting; sys.exit('matplotlib' in sys.modules)"
    checkout = Path(skmixmate.__file__).parents[1]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=checkout)
