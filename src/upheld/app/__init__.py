"""Assembly: the policy alone as a web application, and the running provider around its gate."""
