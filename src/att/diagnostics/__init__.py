"""How the appliance is: gathers what can be seen without the API and judges it."""
